import { execFileSync, spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { makeKeyPair } from "../../src/wire/secrets/hpke.ts";
import { sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { folder, harmony } from "./in-process.ts";

/** What a device has shown once. */
const KEY = sealingKeyOf(makeKeyPair());

const scriptFor = async (shell: string): Promise<string> => (await harmony(["completion", shell])).out;

/** What bash would offer after these words; the last one is being typed. */
const offered = async (...words: readonly string[]): Promise<readonly string[]> => {
  const cwd = folder({ "kiosk one.ts": "", "other.ts": "", "dir/x": "" });
  const ask = `COMP_WORDS=(harmony ${words.map((word) => `"${word}"`).join(" ")}); COMP_CWORD=${words.length}; compopt() { :; }; _harmony; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const printed = execFileSync("bash", ["--norc", "-c", `${await scriptFor("bash")}\n${ask}`], {
    cwd,
    encoding: "utf8",
  });
  return printed
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
};

describe("completion for bash", () => {
  test("offers the commands, and those that begin as typed", async () => {
    expect(await offered("")).toEqual(expect.arrayContaining(["apply", "check", "dev", "status"]));
    expect(await offered("c")).toEqual(["check", "completion", "context"]);
  });

  test("offers a command's flags, and the flags of all commands", async () => {
    expect(await offered("apply", "kiosk.ts", "--t")).toEqual(["--timeout"]);
    expect(await offered("apply", "--")).toEqual(
      expect.arrayContaining(["--agent", "--no-wait", "--server", "--json", "--help"]),
    );
    expect(await offered("--json", "status", "--w")).toEqual(["--watch"]);
  });

  test("offers the values of a flag, and files and folders where they belong", async () => {
    expect(await offered("check", "x.ts", "--format", "")).toEqual(["github", "json", "junit", "sarif", "text"]);
    expect(await offered("agent", "")).toEqual([
      "audit",
      "doctor",
      "enroll",
      "key",
      "kinds",
      "run",
      "status",
      "take",
      "unit",
    ]);
    expect(await offered("events", "--type", "Job")).toEqual(["JobBegins", "JobChecked", "JobEnded", "JobInterrupted"]);
    expect(await offered("kinds", "Di")).toEqual(["Directory"]);
    expect(await offered("fleet", "")).toEqual(["accept", "capabilities", "init", "list", "rekey", "revoke", "serve"]);
    expect(await offered("new", "")).toEqual(["fleet", "kind"]);
    expect(await offered("rollout", "")).toEqual(["resume", "rm", "status", "stop"]);
    expect(await offered("apply", "x.ts", "--wa")).toEqual(["--wave"]);
    expect(await offered("fleet", "init", "--ho")).toEqual(["--host"]);
    expect(await offered("fleet", "serve", "--dir", "")).toEqual(["dir"]);
    expect(await offered("completion", "")).toEqual(["bash", "fish", "zsh"]);
    expect(await offered("check", "")).toEqual(["dir", "kiosk one.ts", "other.ts"]);
    expect(await offered("dev", "--root", "")).toEqual(["dir"]);
    expect(await offered("status", "")).toEqual([]);
    expect(await offered("apply", "x.ts", "--agent", "")).toEqual([]);
  });
});

test("the scripts are told the devices that are known here, and nothing where none can be read", async () => {
  const devices = Object.fromEntries(
    ["pi-7", "kiosk-1"].map((id) => [id, { sealingKeys: [KEY], pinnedAt: "2026-01-01T00:00:00.000Z" }]),
  );
  const cwd = folder({ "known.json": JSON.stringify({ version: 1, devices }), "broken.json": "{" });
  const ids = (file: string) => harmony(["completion", "ids"], { cwd, env: { HARMONY_KNOWN_DEVICES: file } });
  expect(await ids("known.json")).toEqual({ code: 0, out: "pi-7\nkiosk-1\n", err: "" });
  for (const file of ["none.json", "broken.json"]) expect(await ids(file)).toEqual({ code: 0, out: "", err: "" });
  expect(await harmony(["completion", "tcsh"])).toMatchObject({ code: 2, out: "" });
});

test.each([
  ["bash", ["-n"]],
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]],
])(
  "the script for %s names every command and flag, and passes that shell's own check where it is installed",
  async (shell, argv) => {
    const { code, out, err } = await harmony(["completion", shell]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const command of [
      "dev",
      "check",
      "plan",
      "apply",
      "remove",
      "status",
      "kinds",
      "agent",
      "fleet",
      "completion",
    ]) {
      expect(out).toContain(command);
    }
    expect(out).toMatch(/no-wait/);
    const checked = spawnSync(shell, argv, { input: out, encoding: "utf8" });
    const missing = checked.error !== undefined;
    if (missing) {
      process.stderr.write(
        `${shell} is not installed here; its syntax check was left out; test/device/shells.test.ts has the real one\n`,
      );
    }
    expect(missing ? "" : checked.stderr).toBe("");
  },
);
