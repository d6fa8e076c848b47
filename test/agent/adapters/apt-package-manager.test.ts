import { expect, test } from "vitest";
import { aptProblem } from "../../../src/agent/adapters/apt-errors.ts";
import { preferred } from "../../../src/agent/adapters/apt-package-manager.ts";
import { conditionsOf } from "../../../src/scores/debian-version.ts";

/** As apt 3.0 prints it. */
const POLICY = `app:
  Installed: 3.0~local
  Candidate: 2.0
  Version table:
     10.0 100
        100 https://deb.example/debian backports/main arm64 Packages
 *** 3.0~local 100
        100 /var/lib/dpkg/status
     2.0 990
        990 https://deb.example/debian stable/main arm64 Packages
        500 https://mirror.example/debian stable/main arm64 Packages
     1.0 -1
         -1 file:/opt/repo ./ Packages
`;

test.each([
  ["", "2.0"],
  [">= 2.0", "2.0"],
  [">> 2.0", "10.0"],
  ["<< 2.0", "1.0"],
  ["1.0", "1.0"],
  ["3.0~local", null],
  [">> 10.0", null],
])("of the versions that sources have and that are %s, the one that the host prefers is %s", (wanted, version) => {
  expect(preferred(POLICY, wanted === "" ? [] : conditionsOf(wanted))).toBe(version);
});

test("a name that apt does not know has no version", () => {
  expect(preferred("", [])).toBeNull();
  expect(preferred("app:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n", [])).toBeNull();
});

test.each([
  [
    "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4711 (unattended-upgr)\nE: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?",
    "Busy",
    "It is held by process 4711 (unattended-upgr)",
  ],
  ["dpkg: error: dpkg frontend lock was locked by another process with pid 12", "Busy", "with pid 12"],
  [
    "Failed to start transient service unit: Unit harmony-packages.service was already loaded or has a fragment file.",
    "Busy",
    "already loaded",
  ],
  ["E: Unable to locate package nope", "NotFound", "Unable to locate package nope"],
  ["E: Version '9' for 'app' was not found", "NotFound", "Version '9'"],
  ["E: You don't have enough free space in /var/cache/apt/archives/.", "NoSpace", "enough free space"],
  [
    "E: Failed to fetch http://deb.example/a.deb  Temporary failure resolving 'deb.example'",
    "Unavailable",
    "resolving",
  ],
  ["E: The repository 'http://deb.example stable InRelease' is not signed.", "NotPermitted", "not signed"],
  ["E: Essential packages were removed and -y was used without --allow-remove-essential.", "Obstructed", "Essential"],
  [
    "dpkg: error processing package app (--configure):\n installed app package post-installation script subprocess returned error exit status 1",
    "Failed",
    "post-installation script",
  ],
])("what apt says is put into words of the port: %s", (stderr, code, words) => {
  const problem = aptProblem("Installing app", {
    _tag: "Ended",
    code: 100,
    signal: null,
    stdout: "Reading package lists...\n",
    stderr,
    truncated: false,
    timedOut: false,
  });
  expect(problem.problem.code).toBe(code);
  expect(problem.message).toContain(words);
  expect(problem.message).toMatch(/^Installing app failed: .*[^.]\.$/s);
});

test("a program that is missing, cannot be started or takes too long is told", () => {
  expect(aptProblem("A", { _tag: "NotFound" }).problem.code).toBe("Unavailable");
  const line = `E: Unable to locate package ${"x".repeat(100_000)}`;
  const ended = {
    _tag: "Ended",
    code: 100,
    signal: null,
    timedOut: false,
    truncated: false,
    stdout: "",
    stderr: line,
  } as const;
  expect(aptProblem("A", ended).problem.message.length).toBeLessThan(2_100);
  expect(aptProblem("A", { _tag: "NotStarted", message: "EAGAIN" }).message).toContain("EAGAIN");
});
