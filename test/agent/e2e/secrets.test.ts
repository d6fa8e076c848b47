import { mkdir, readFile, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { natsServer } from "../../support/nats-server.ts";
import { folder, harmony as cli, type Ran } from "../../cli/in-process.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { AGENT } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";

// For machines that are slow to start a process.
let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const wifi = (more = ""): string => `
  import { FileScore, manifest, PiTopology, secret } from "harmony-edge";
  export default manifest(PiTopology, {
    psk: new FileScore({ path: "/etc/wifi.psk", content: secret("wifi-psk"), parents: true ${more} }),
  });
`;

/** A server, an agent process, and an author with a folder of files. */
async function world() {
  const root = await temporaryFolder();
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const agent = new AgentProcess({ harmony, url, root });
  await eventually(
    "the agent publishes its key",
    async () => (await operator.capabilities())?.sealingKey,
    () => agent.tail,
  );
  const cwd = folder({ "wifi.ts": wifi(), "psk.txt": "correct horse battery" });
  const env = { HARMONY_SERVER: url, HARMONY_KNOWN_DEVICES: join(cwd, "known-devices.json") };
  const run = (...argv: readonly string[]): Promise<Ran> => cli(argv, { cwd, env });
  const apply = (...more: readonly string[]): Promise<Ran> => run("apply", "wifi.ts", "--agent", AGENT, ...more);
  const psk = (): Promise<string> => readFile(join(root, "etc/wifi.psk"), "utf8");
  return { root, url, operator, agent, cwd, env, run, apply, psk };
}

describe("a File whose content is a secret", () => {
  test("is sealed by the author, and stands on the device alone, for its owner to read", async () => {
    const { root, apply, psk, run, operator } = await world();
    const first = await apply("--secret", "wifi-psk=psk.txt", "--pin");
    expect(first).toMatchObject({ code: 0 });
    expect(first.err).toContain("sealed for");
    expect(await psk()).toBe("correct horse battery");
    expect((await stat(join(root, "etc/wifi.psk"))).mode & 0o7777).toBe(0o400);
    const status = await operator.status();
    expect(status?.scores["psk"]).toMatchObject({
      state: "Ready",
      outcome: "SUCCESS",
      details: { size: null, sha256: null, secret: { name: "wifi-psk", isSo: true } },
    });

    // Another time nothing need be given: what the device has is carried over.
    const again = await apply();
    expect(again).toMatchObject({ code: 0 });
    expect(again.err).toContain("has them already: wifi-psk");
    expect((await operator.status())?.scores["psk"]).toMatchObject({ outcome: "NOOP", generation: 2 });
    expect(await run("plan", "wifi.ts", "--agent", AGENT)).toMatchObject({ code: 0 });
  });

  test("is written anew where its secret is another one, and repaired where somebody changed it", async () => {
    const { root, apply, psk, cwd, operator } = await world();
    expect(await apply("--secret", "wifi-psk=psk.txt", "--pin")).toMatchObject({ code: 0 });
    await writeFile(join(cwd, "psk.txt"), "Tr0ub4dor&3");
    expect(await apply("--secret", "wifi-psk=psk.txt")).toMatchObject({ code: 0 });
    expect(await psk()).toBe("Tr0ub4dor&3");
    expect((await operator.status())?.scores["psk"]).toMatchObject({ outcome: "SUCCESS", change: "intentional" });
    await writeFile(join(root, "etc/wifi.psk"), "guess");
    await eventually("it is repaired", async () => (await psk()) === "Tr0ub4dor&3");
  });

  test("is on record by its name before it is written, is not for being compared, and is not written unrecorded", async () => {
    const { root, url, apply, psk, cwd, agent, operator } = await world();
    const record = join(root, "var/lib/harmony-edge/agent/events.0.jsonl");
    const accesses = async (): Promise<readonly string[]> =>
      (await readFile(record, "utf8")).split("\n").filter((line) => line.includes('"type":"SecretAccessed"'));
    expect(await apply("--secret", "wifi-psk=psk.txt", "--pin")).toMatchObject({ code: 0 });
    expect(await apply()).toMatchObject({ code: 0 });
    expect((await accesses()).map((line): unknown => JSON.parse(line))).toMatchObject([
      { secret: "wifi-psk", score: "psk" },
    ]);
    await agent.kill("SIGTERM");
    const again = new AgentProcess({ harmony, url, root });
    await eventually(
      "it has started",
      async () => (await readFile(record, "utf8")).split('"AgentStarted"').length === 3,
      () => again.tail,
    );
    await writeFile(join(root, "etc/wifi.psk"), "guess");
    await eventually("it is repaired", async () => (await psk()) === "correct horse battery");
    expect(await accesses()).toHaveLength(2);
    expect(await readFile(record, "utf8")).not.toMatch(/correct|battery/);

    // Nothing can be appended to what is a directory.
    await rm(record);
    await mkdir(record);
    await writeFile(join(cwd, "psk.txt"), "Tr0ub4dor&3");
    expect(await apply("--secret", "wifi-psk=psk.txt")).toMatchObject({ code: 1 });
    expect((await operator.status())?.scores["psk"]?.error).toMatchObject({
      message: expect.stringContaining("events.0.jsonl"),
    });
    expect(await psk()).toBe("correct horse battery");
    await rmdir(record);
    await eventually(
      "it is written once it can be on record",
      async () => (await psk()) === "Tr0ub4dor&3",
      () => again.tail,
    );
    expect(await accesses()).toHaveLength(1);
  });

  test("is refused by name where the device has lost its key, stays as it is, and the others go on", async () => {
    const { root, url, apply, psk, agent, cwd, operator } = await world();
    const two = wifi("").replace(/\}\);\s*$/, 'motd: new FileScore({ path: "/motd", content: "1" }),\n});');
    await writeFile(join(cwd, "wifi.ts"), two);
    expect(await apply("--secret", "wifi-psk=psk.txt", "--pin")).toMatchObject({ code: 0 });
    let last = agent;
    const keys = join(root, "var/lib/harmony-edge/agent/sealing-keys.json");
    for (const [spoil, message] of [
      [() => writeFile(keys, "spoilt"), "no key to open secrets with"],
      [() => rm(keys), "is sealed for the key"],
    ] as const) {
      await last.kill("SIGTERM");
      await spoil();
      await rm(join(root, "motd"));
      last = new AgentProcess({ harmony, url, root });
      await eventually(
        "the other one is made again",
        () => readFile(join(root, "motd"), "utf8").catch(() => null),
        () => last.tail,
      );
      const isTold = async () => (await operator.status())?.scores["psk"]?.error?.message.includes(message);
      await eventually("it is refused", isTold, () => last.tail);
      expect((await operator.status())?.scores["psk"]).toMatchObject({
        state: "Refused",
        error: { reason: "SecretNotForThisDevice", retryable: false },
      });
      expect(await psk()).toBe("correct horse battery");
    }
    // The old key is pinned, so nothing is sealed for the new one by itself.
    expect(await apply("--secret", "wifi-psk=psk.txt")).toMatchObject({ code: 1 });
    expect(await apply("--secret", "wifi-psk=psk.txt", "--pin")).toMatchObject({ code: 0 });
    expect((await operator.status())?.scores["psk"]).toMatchObject({ state: "Ready" });
  });

  test("is not shipped where its secret is not known, or is sealed for a key that nobody vouches for", async () => {
    const { apply, operator, cwd, root } = await world();
    const unknown = await apply();
    expect(unknown).toMatchObject({ code: 1 });
    expect(unknown.err).toContain('the secret "wifi-psk" is not given');
    const unpinned = await apply("--secret", "wifi-psk=psk.txt");
    expect(unpinned).toMatchObject({ code: 1 });
    expect(unpinned.err).toContain("nothing here says that this is the device's");
    const key = (await operator.capabilities())?.sealingKey ?? "";
    const other = `${key.startsWith("A") ? "B" : "A"}${key.slice(1)}`;
    const pins = { version: 1, devices: { [AGENT]: { sealingKeys: [other], pinnedAt: new Date().toISOString() } } };
    await writeFile(join(cwd, "known-devices.json"), JSON.stringify(pins));
    const changed = await apply("--secret", "wifi-psk=psk.txt");
    expect(changed).toMatchObject({ code: 1 });
    expect(changed.err).toContain("somebody may be after the secrets");
    expect(await operator.revision("desired-state")).toBe(0);
    expect(await stat(join(root, "etc")).catch(() => null)).toBeNull();
  });
});
