import { describe, expect, test } from "vitest";
import * as z from "zod";
import { packageRoot } from "../../src/cli/package-root.ts";
import { openEnvelope } from "../../src/wire/decode.ts";
import { Payload } from "../../src/wire/envelope.ts";
import { makeKeyPair } from "../../src/wire/secrets/hpke.ts";
import { keyIdOf, sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { capabilities, failing, PI, scoreStatus } from "../fleet/scripted-agent.ts";
import { eventually } from "../agent/support/eventually.ts";
import { CLUSTER, folder, harmony, manifestOf } from "./in-process.ts";
import { json, ScriptedFleet } from "./scripted-fleet.ts";

const fleet = new ScriptedFleet();
const labelled = async (labels: Readonly<Record<string, string>>): Promise<void> => {
  await fleet.device.put("capabilities", "pi-7", writeDocument(capabilities({ labels })));
};
const ONE = manifestOf({ a: ["/a", "1"] });
const FLEET = `
import { FileScore, fleet, group, manifest, PiTopology } from "harmony-edge";
const greeting = { paris: "bonjour", rome: "ciao" };
export default fleet({
  kiosks: group("role=kiosk", PiTopology, { site: ["paris", "rome"] }, ({ labels }) =>
    manifest(PiTopology, { a: new FileScore({ path: "/a", content: greeting[labels.site] }) })),
  rome: group("site=rome,role=door", PiTopology, {}, () => manifest(PiTopology, {})),
});
`;

describe("harmony apply --selector", () => {
  test("rolls out to those that are meant, tells the arithmetic, and harmony rollout tells of it", async () => {
    await fleet.begin();
    await labelled({ role: "kiosk", site: "paris" });
    const cwd = folder({ "fleet.ts": FLEET });
    const ran = await fleet.run(["apply", "fleet.ts", "--selector", "site=paris,role!=door"], { cwd });
    expect({ code: ran.code, out: ran.out }).toEqual({ code: 0, out: "" });
    expect(ran.err).toContain("wave 1: 100% of 1 is 1 device\n");
    expect(ran.err).toMatch(/roll-out r-\d{8}-\d{4}-[0-9a-f]{4} to 1 devices has begun/);
    expect(fleet.agent?.accepted[0]?.scores.get("a")).toMatchObject({ score: { spec: { content: "bonjour" } } });

    const [, id = ""] = /roll-out (r-\S+)/.exec(ran.err) ?? [];
    const status = await fleet.run(["rollout", "status", id, "--json"]);
    expect(status.code).toBe(0);
    expect(json(status.out)).toMatchObject({ id, state: "Done", devices: { "pi-7": { state: "Ready" } }, lease: null });
    // How manifests are opened is nobody's business.
    expect(status.out).not.toContain('"key"');
    const all = await fleet.run(["rollout", "status"]);
    expect(all.out).toContain(id);
    expect(all.out).toContain("done");
    expect(await fleet.run(["rollout", "resume", id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${id} is done`),
    });
    expect(await fleet.run(["rollout", "stop", id])).toMatchObject({ code: 1 });
    const near = await fleet.run(["rollout", "status", `${id.slice(0, -1)}z`]);
    expect(near).toMatchObject({ code: 1, err: expect.stringContaining(`Did you mean ${id}?`) });
  });

  test("gives secrets to those that refer to them, for keys that are pinned, and reads no other file", async () => {
    await fleet.begin();
    const sealingKey = sealingKeyOf(makeKeyPair());
    await fleet.device.put("capabilities", PI, writeDocument(capabilities({ sealingKey })));
    const wifi = `import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
export default manifest(PiTopology, { a: new FileScore({ path: "/a", content: secret("psk") }) });`;
    const known = {
      version: 1,
      devices: { [PI]: { sealingKeys: [sealingKey], pinnedAt: "2026-01-02T03:04:05.000Z" } },
    };
    const cwd = folder({
      "wifi.ts": wifi,
      "s/psk": "correct horse",
      "s/other": "staple",
      "known.json": JSON.stringify(known),
    });
    const run = (...words: readonly string[]) => fleet.run(["apply", "wifi.ts", "--selector", "*", ...words], { cwd });
    expect(await run("--secrets", "s")).toMatchObject({
      code: 1,
      err: expect.stringContaining("says that this is the device's"),
    });
    expect(fleet.agent?.accepted).toEqual([]);
    expect(await run("--secrets", "s", "--known-devices", "known.json")).toMatchObject({ code: 0 });
    // The agent of these tests has no key: what lies there for it is looked at as it is.
    const shipped = async (): Promise<Payload> => {
      const found = await fleet.device.get("desired-state", PI);
      const opened = found._tag === "Value" ? openEnvelope(found.value) : null;
      if (opened?._tag !== "Inline") throw new Error("nothing readable was shipped");
      return Payload.parse(JSON.parse(opened.payload));
    };
    const first = await shipped();
    expect(first.scores["a"]).toMatchObject({ secrets: { psk: [{ key: keyIdOf(sealingKey) }] } });
    expect(JSON.stringify(first)).not.toContain("staple");
    // What is not given again is carried over, still sealed.
    expect(await run("--known-devices", "known.json")).toMatchObject({ code: 0 });
    expect((await shipped()).scores).toEqual(first.scores);
    expect(await run("--secret", "other=s/other", "--known-devices", "known.json")).toMatchObject({
      code: 1,
      err: expect.stringContaining('no manifest refers to a secret "other"'),
    });
    expect(await run("--secret", "psk")).toMatchObject({ code: 2, err: expect.stringContaining("NAME=FILE") });
    expect(await run("--secrets", "none")).toMatchObject({ code: 2, err: expect.stringContaining("cannot be read") });
  });

  test("is watched until it has ended, and forgotten after that, and not before", async () => {
    await fleet.begin({ tells: () => [{ a: scoreStatus("Ready") }] });
    await labelled({ role: "kiosk", site: "paris" });
    const cwd = folder({ "m.ts": ONE });
    const words = ["apply", "m.ts", "--selector", "role=kiosk", "--soak", "4s"];
    const applying = fleet.run(words, { cwd });
    const id = await running();
    expect(await fleet.run(["rollout", "rm", id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`${id} has not ended: wave 1 of 1 is under way`),
    });
    const watching = fleet.run(["rollout", "status", id, "--watch", "--json"]);
    expect(await applying).toMatchObject({ code: 0 });
    const watched = await watching;
    expect(watched).toMatchObject({ code: 0, err: "" });
    const lines = watched.out.trim().split("\n").map(json);
    expect(lines.length).toBeGreaterThan(1);
    expect([lines[0], lines.at(-1)]).toMatchObject([{ state: "Running" }, { state: "Done" }]);
    expect(watched.out).not.toContain('"key"');

    expect(await fleet.run(["rollout", "rm", `${id.slice(0, -1)}z`, id])).toMatchObject({
      code: 1,
      err: expect.stringContaining(`Did you mean ${id}?`),
    });
    expect(await fleet.run(["rollout", "status", id])).toMatchObject({ code: 1 });
    const ended = await fleet.run(["rollout", "rm", "--ended", "--json"]);
    expect(ended.code).toBe(0);
    expect(await fleet.run(["rollout", "rm", "--ended"])).toMatchObject({ code: 0, err: "No roll-out has ended.\n" });
    for (const wrong of [["rm"], ["rm", id, "--ended"], ["status", "--watch"]]) {
      expect(await fleet.run(["rollout", ...wrong])).toMatchObject({ code: 2, out: "" });
    }
  });

  /** The roll-out that is under way. */
  async function running(): Promise<string> {
    const Listed = z.object({ rollouts: z.array(z.object({ id: z.string(), state: z.string() })) });
    return eventually("it runs", async () => {
      const { out } = await fleet.run(["rollout", "status", "--json"]);
      return Listed.parse(json(out)).rollouts.find(({ state }) => state === "Running")?.id;
    });
  }

  test("ends with 1 where a device fails, and tells why and what to do", async () => {
    await fleet.begin({ tells: () => [{ a: failing("Failed") }] });
    await labelled({ role: "kiosk" });
    const cwd = folder({ "m.ts": ONE });
    const ran = await fleet.run(["apply", "m.ts", "--selector", "role=kiosk", "--json", "--timeout", "3s"], { cwd });
    expect(ran.code).toBe(1);
    expect(json(ran.out)).toMatchObject({ state: "Stopped", stop: { reason: "TooManyFailures" } });
  });

  test("ships nothing where the waves cannot be, where a gate refuses, or where nobody is meant", async () => {
    await fleet.begin();
    await labelled({ role: "kiosk" });
    const cwd = folder({ "m.ts": ONE, "cluster.js": CLUSTER, "fleet.ts": FLEET });
    const run = async (...words: readonly string[]) => fleet.run(["apply", ...words], { cwd });
    const waves = await run("m.ts", "--selector", "*", "--wave", "1,10%,100%");
    expect(waves).toMatchObject({
      code: 1,
      err: expect.stringContaining("WaveAddsNothing: wave 2 (10% of 1 is 0.1, rounded up to 1 device) adds nothing"),
    });
    expect(await run("cluster.js", "--selector", "*")).toMatchObject({
      code: 1,
      err: expect.stringContaining("pi-7: web: K8sDeploymentScore requires K8sClient, which PiTopology lacks"),
    });
    expect(await run("m.ts", "--selector", "role=door")).toMatchObject({
      code: 1,
      err: expect.stringContaining("NoDevices: no device is meant"),
    });
    expect(await run("fleet.ts", "--selector", "*")).toMatchObject({
      code: 1,
      err: expect.stringContaining('the device has no label "site", which the group needs'),
    });
    expect(fleet.agent?.accepted).toEqual([]);
  });

  test.each([
    [["m.ts"], "it is for one agent or for many"],
    [["m.ts", "--agent", "pi-7", "--selector", "a"], "it is for one agent or for many"],
    [["m.ts", "--agent", "pi-7", "--wave", "100%"], "go with --selector"],
    [["m.ts", "--selector", "a=", "--wave", "100%"], "column 3: expected a value"],
    [["m.ts", "--selector", "a", "--wave", "10,%"], "Waves are numbers of devices or percentages"],
    [["m.ts", "--selector", "a", "--no-wait"], "are for one device"],
    [["m.ts", "--selector", "a", "--pin"], "are for one device"],
    [["m.ts", "--selector", "a", "--max-failures", "x"], "whole number"],
    [["fleet.ts", "--agent", "pi-7"], "it exports a fleet()"],
    [["none.ts", "--selector", "a"], "there is no such file"],
  ])("is wrong usage: %j", async (words, message) => {
    const cwd = folder({ "m.ts": ONE, "fleet.ts": FLEET });
    expect(await harmony(["apply", ...words], { cwd })).toMatchObject({
      code: 2,
      err: expect.stringContaining(message),
    });
  });
});

describe("harmony status --selector", () => {
  test("tells of those alone that are meant", async () => {
    await fleet.begin();
    await labelled({ site: "paris" });
    await fleet.device.put("heartbeat", "pi-8", new TextEncoder().encode("{}"));
    expect((await fleet.run(["status"])).out).toContain("pi-8");
    const paris = await fleet.run(["status", "--selector", "site=paris", "--json"]);
    expect(json(paris.out)).toMatchObject({ agents: [{ agentId: "pi-7" }] });
    expect(paris.out).not.toContain("pi-8");
    expect(await fleet.run(["status", "--selector", "site=rome"])).toMatchObject({
      code: 1,
      err: expect.stringContaining("no agent fits the selector site=rome"),
    });
    await fleet.device.delete("heartbeat", "pi-8");
  });
});

describe("harmony check of a fleet", () => {
  test("finds nothing in the example, and has made each of its manifests", async () => {
    const ran = await harmony(["check", "examples/two-sites.ts", "--json"], { cwd: packageRoot() });
    expect({ code: ran.code, err: ran.err }).toEqual({ code: 0, err: "" });
    expect(json(ran.out)).toMatchObject({ findings: [], files: [{ scores: { length: 5 }, targets: ["PiTopology"] }] });
  });

  test("looks at a manifest for each value of the labels that a group names, and for each agent given", async () => {
    const good = folder({ "fleet.ts": FLEET });
    const checked = await harmony(["check", "fleet.ts", "--json"], { cwd: good });
    expect(checked.code).toBe(0);
    expect(json(checked.out)).toMatchObject({ findings: [] });
    const bad = FLEET.replace(
      "greeting[labels.site] })",
      'labels.site === "rome" ? "/" : "x", mode: labels.site === "rome" ? "9" : "0644" })',
    );
    const cwd = folder({
      "fleet.js": bad,
      "pi-1.json": JSON.stringify(capabilities({ labels: { role: "kiosk", site: "oslo" } })),
      "pi-2.json": JSON.stringify(capabilities({ labels: { role: "kiosk", site: "paris" }, capabilities: {} })),
    });
    const ran = await harmony(
      ["check", "fleet.js", "--capabilities", "pi-1.json", "--capabilities", "pi-2.json", "--json"],
      { cwd },
    );
    expect(ran.code).toBe(1);
    const sentences = JSON.stringify(json(ran.out));
    expect(sentences).toContain("mode");
    expect(sentences).toContain('the label \\"site\\" is \\"oslo\\", and the group knows paris, rome');
    expect(sentences).toContain('group \\"kiosks\\": FileScore requires FileSystemHost');
  });

  test("finds a Score that a group's topology lacks, and groups that overlap", async () => {
    const text = `
import { fleet, group, K8sDeploymentScore, manifest, PiTopology } from "harmony-edge";
export default fleet({
  a: group("role=kiosk", PiTopology, {}, () =>
    manifest(PiTopology, { web: new K8sDeploymentScore({ name: "web", image: "nginx:1" }) })),
  b: group("role=door,site=paris", PiTopology, {}, () => manifest(PiTopology, {})),
  c: group("site=paris", PiTopology, {}, () => manifest(PiTopology, {})),
});
`;
    const ran = await harmony(["check", "fleet.js", "--json"], { cwd: folder({ "fleet.js": text }) });
    expect(ran.code).toBe(1);
    expect(json(ran.out)).toMatchObject({
      findings: [
        {
          rule: "MissingCapability",
          scoreId: "web",
          sentence: 'group "a": K8sDeploymentScore requires K8sClient, which PiTopology lacks',
        },
        { rule: "NoManifest", sentence: expect.stringContaining('is in the groups "b" and "c"') },
      ],
    });
  });
});
