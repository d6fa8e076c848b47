import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Report } from "harmony-edge/check";
import { beforeEach, expect, test } from "vitest";
import { AgentId } from "../../src/wire/keys.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { capabilities } from "../fleet/scripted-agent.ts";
import { CLUSTER, folder, harmony } from "./in-process.ts";
import { ScriptedFleet } from "./scripted-fleet.ts";

const fleet = new ScriptedFleet();
const IDS = ["pi-1", "pi-2", "pi-7"].map((id) => AgentId.parse(id));

beforeEach(async () => {
  await fleet.begin(null);
  for (const agentId of IDS) {
    const labels = { site: agentId === "pi-7" ? "rome" : "paris" };
    const document = capabilities({ agentId, agentVersion: "0.3.1", labels, kinds: { File: [2] } });
    await fleet.device.put("capabilities", agentId, writeDocument(document));
  }
});

const reportIn = (out: string): Report => {
  const report: Report = JSON.parse(out);
  return report;
};
const skewed = (out: string): readonly unknown[] =>
  reportIn(out)
    .findings.filter(({ rule, scoreId }) => rule === "UnsupportedVersion" && scoreId === "motd")
    .map(({ target, sentence }) => [target, sentence]);

test("--fleet holds a manifest against what every agent has published, --selector against some of them", async () => {
  const cwd = folder({ "m.js": CLUSTER });
  const all = await fleet.run(["check", "m.js", "--fleet", "--json"], { cwd });
  expect(all.code).toBe(1);
  expect(skewed(all.out)).toEqual([
    ["3 devices: pi-1, pi-2, pi-7", "kind File@1 is unknown to agent 0.3.1 on 3 devices; it knows File@2"],
  ]);
  const some = await fleet.run(["check", "m.js", "--fleet", "--selector", "site=paris", "--json"], { cwd });
  expect(skewed(some.out)).toEqual([
    ["2 devices: pi-1, pi-2", "kind File@1 is unknown to agent 0.3.1 on 2 devices; it knows File@2"],
  ]);
  const one = await fleet.run(["check", "m.js", "--selector", "site!=paris", "--json"], { cwd });
  expect(skewed(one.out)).toEqual([["agent pi-7", "agent pi-7 does not know File@1; it knows File@2"]]);
});

test("a snapshot of the fleet checks the same with no server", async () => {
  const cwd = folder({ "m.js": CLUSTER });
  const saved = await fleet.run(["fleet", "capabilities", "--save", "ci/fleet.json"], { cwd });
  expect(saved).toEqual({ code: 0, out: "", err: "3 agents in ci/fleet.json.\n" });
  const live = await fleet.run(["check", "m.js", "--fleet", "--json"], { cwd });
  const offline = await harmony(["check", "m.js", "--capabilities", "ci/fleet.json", "--json"], {
    cwd,
    env: { HARMONY_SERVER: "nats://127.0.0.1:1" },
  });
  expect(reportIn(offline.out).findings).toEqual(reportIn(live.out).findings);
  const document: unknown = JSON.parse(readFileSync(join(cwd, "ci/fleet.json"), "utf8"));
  const printed = await fleet.run(["fleet", "capabilities", "--selector", "site=rome", "--json"], { cwd });
  expect(JSON.parse(printed.out)).toMatchObject({ agents: [{ agentId: "pi-7", labels: { site: "rome" } }] });
  expect(document).toMatchObject({ agents: IDS.map((agentId) => ({ agentId })) });
  const shown = await fleet.run(["fleet", "capabilities"], { cwd });
  expect(shown.out).toMatch(/^agent +version +topology +offers\npi-1 +0\.3\.1 +\w+ +FileSystemHost\n/);
});

test("a device that nobody can read anything of is a finding, and a fleet of nobody no pass", async () => {
  const cwd = folder({ "m.js": CLUSTER });
  await fleet.device.put("capabilities", "pi-7", Buffer.from("{}"));
  const odd = await fleet.run(["check", "m.js", "--fleet", "--json"], { cwd });
  expect(reportIn(odd.out).findings[0]).toMatchObject({ rule: "UnreadableCapabilities", target: "agent pi-7" });
  const saved = await fleet.run(["fleet", "capabilities", "--save", "fleet.json"], { cwd });
  expect(saved.code).toBe(1);
  for (const id of IDS) await fleet.device.delete("capabilities", id);
  const none = await fleet.run(["check", "m.js", "--fleet"], { cwd });
  expect(none.code).toBe(1);
  expect(none.err).toContain("no agent has published anything");
});

test("a server that is not there ends with 4", async () => {
  const cwd = folder({ "m.js": CLUSTER });
  const run = { cwd, env: { HARMONY_SERVER: "nats://127.0.0.1:1" } };
  expect((await harmony(["check", "m.js", "--fleet"], run)).code).toBe(4);
  expect((await harmony(["fleet", "capabilities"], run)).code).toBe(4);
});
