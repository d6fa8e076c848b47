import * as fc from "fast-check";
import { expect, test } from "vitest";
import { DoctorReport, doctorText, type Examined, judge, type StateExamined } from "../../src/agent/doctor.ts";
import type { Condition } from "../../src/wire/status.ts";
import { AGENT } from "./support/manifests.ts";

const there: Extract<StateExamined, { _tag: "There" }> = {
  _tag: "There",
  path: "/var/lib/harmony-edge/agent",
  ownerUid: 0,
  mode: "0700",
  space: { freeBytes: 2e9, totalBytes: 8e9 },
  heldBy: 7,
  generation: 3,
  owned: 12,
  complaints: [],
};
const since = "2026-01-01T00:00:00.000Z";
const ready: Condition = { type: "Ready", status: "True", reason: "Converged", message: "all", since };
const agent = {
  agentId: AGENT,
  agentVersion: "1",
  bootId: "b",
  pid: 7,
  stateDirectory: there.path,
  generation: 3,
  observedGeneration: 3,
  isConnected: true,
  conditions: [ready],
  stalls: [],
};
const well: Examined = {
  nodeVersion: "v20.19.0",
  uid: 0,
  state: there,
  files: [{ flag: "--creds", file: "/etc/creds", problem: "" }],
  isCaged: true,
  controllers: ["cpu", "memory"],
  offered: ["FileSystemHost", "SystemdHost"],
  absent: { AuditedShell: "not enabled" },
  server: { name: "nats://a", unreachable: null, aheadMs: 120 },
  agent,
};
const troubles = (given: Partial<Examined>) =>
  judge({ ...well, ...given }).flatMap(({ check, level, found, next }) =>
    level === "ok" ? [] : [`${level} ${check}: ${found} -> ${next ?? ""}`],
  );
const unreachable = (reason: "Denied" | "Disconnected" | "TimedOut" | "NoBucket", message: string) => ({
  server: { ...well.server, unreachable: { _tag: "Unreachable", reason, message } as const },
});
const told = (condition: Partial<Condition>) => ({ agent: { ...agent, conditions: [{ ...ready, ...condition }] } });

test("a device on which all is well has findings, and none with anything to do", () => {
  expect(troubles({})).toEqual([]);
  expect(judge(well).length).toBeGreaterThan(10);
});

test.each<[string, Partial<Examined>, RegExp]>([
  ["an old Node", { nodeVersion: "v20.18.3" }, /^fail node: v20.18.3 is too old -> Install Node 20.19/],
  [
    "a unit of another configuration",
    { isCaged: false },
    /^warn unit: \S+20-cage.conf was made of another .* -> Make it anew/,
  ],
  ["another user", { uid: 1000 }, /^warn user: user 1000/],
  [
    "no state directory",
    { state: { _tag: "Missing", path: "/s" }, agent: null },
    /^warn state directory: \/s is not there/,
  ],
  [
    "one that cannot be read",
    { state: { _tag: "Unusable", path: "/s", message: "EACCES" } },
    /^fail state directory: \/s: EACCES/,
  ],
  ["one that others may read", { state: { ...there, mode: "0755" } }, /^warn state directory: .*chmod 700/],
  ["little space", { state: { ...there, space: { freeBytes: 3e7, totalBytes: 8e9 } } }, /^warn disk: 28 MiB free/],
  ["no space", { state: { ...there, space: { freeBytes: 0, totalBytes: 8e9 } } }, /^fail disk: 0 MiB free/],
  [
    "a ledger with damage",
    { state: { ...there, complaints: ["the saved manifest cannot be read"] } },
    /^warn ledger: the saved manifest/,
  ],
  [
    "a key that is none",
    { files: [{ flag: "--trust", file: "/k", problem: "/k holds no public key" }] },
    /^fail --trust: \/k holds no public key/,
  ],
  ["no memory control group", { controllers: ["cpu"] }, /^warn memory limits: .*cgroup_enable=memory/],
  ["control groups of the old sort", { controllers: null }, /^warn memory limits/],
  [
    "no podman",
    { absent: { ContainerRuntime: "podman >= 4.4 not found" } },
    /^warn capability ContainerRuntime: podman >= 4.4 not found -> Install podman/,
  ],
  [
    "refused credentials",
    unreachable("Denied", "could not connect: Authorization Violation"),
    /^fail server: .* -> The server refuses/,
  ],
  [
    "a port without a server",
    unreachable("Disconnected", "could not connect: CONNECTION_REFUSED"),
    /^fail server: .*no NATS server listens/,
  ],
  [
    "a name that is none",
    unreachable("Disconnected", "could not connect: getaddrinfo ENOTFOUND x"),
    /^fail server: .*cannot be resolved/,
  ],
  ["a silent server", unreachable("TimedOut", "no answer"), /^fail server: .*firewalls/],
  ["a server without buckets", unreachable("NoBucket", "no stream"), /^warn server: /],
  ["a clock behind", { server: { ...well.server, aheadMs: -90_000 } }, /^warn clock: 90 s behind the server's/],
  ["no agent", { state: { ...there, heldBy: null }, agent: null }, /^warn agent: not running/],
  ["an agent that hangs", { agent: { ...agent, stalls: ["the work on a"] } }, /^fail agent: hangs: the work on a/],
  [
    "a fenced agent",
    told({ type: "Fenced", reason: "TakenOver" }),
    /^fail condition Fenced: .*Two machines have one id/,
  ],
  ["an offline agent", told({ type: "Offline", reason: "NoLink" }), /^warn condition Offline/],
  ["an agent that cannot save", told({ type: "DiskPressure", reason: "NoSpace" }), /^fail condition DiskPressure/],
  ["an agent that soon cannot", told({ type: "DiskPressure", reason: "LowSpace" }), /^warn condition DiskPressure/],
  ["a Score that failed", told({ status: "False", reason: "ScoresFailed" }), /^warn condition Ready: .*harmony status/],
])("%s is found, and what to do is said", (_, given, sentence) => {
  expect(troubles(given)).toEqual([expect.stringMatching(sentence)]);
});

const words = fc.string({ unit: "binary" });
const finding = fc.record({
  check: fc.constantFrom("node", "capability SystemdHost"),
  level: fc.constantFrom("ok" as const, "warn" as const, "fail" as const),
  found: words,
  next: fc.option(words),
});

test("whatever was found, each finding is one line and what to do another, and neither steers the terminal", () => {
  fc.assert(
    fc.property(fc.array(finding, { minLength: 1, maxLength: 5 }), (findings) => {
      const isWell = findings.every(({ level }) => level !== "fail");
      const report = { agentVersion: "1", at: since, isWell, findings, agent: null };
      const text = doctorText(report);
      const nexts = findings.filter(({ next }) => next !== null).length;
      expect(text.split("\n")).toHaveLength(findings.length + nexts + 3);
      // eslint-disable-next-line no-control-regex
      expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      expect(DoctorReport.parse(JSON.parse(JSON.stringify(report)))).toEqual(report);
    }),
  );
});
