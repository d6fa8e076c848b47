import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { connect } from "nats";
import { beforeAll, describe, expect, test } from "vitest";
import type { AssetRef } from "../../../src/scores/asset.ts";
import { FileScore } from "../../../src/scores/index.ts";
import type { AnyScore } from "../../../src/scores/score.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, type AgentProcessOptions, install, temporaryFolder } from "../support/agent-process.ts";
import { eventually } from "../support/eventually.ts";
import { file } from "../support/manifests.ts";
import { Operator } from "../support/operator.ts";
import { RestartableServer } from "../support/restartable-server.ts";
import { stallingProxy } from "../support/stalling-proxy.ts";

// For machines that are slow to start a process.
let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

const MIB = 1024 * 1024;
const CACHE = "var/lib/harmony-edge/agent/assets";

/** Bytes that no other call gives, so that no piece of one is a piece of another. */
function madeOf(seed: string, size: number): { readonly ref: AssetRef; readonly bytes: Buffer } {
  const bytes = Buffer.alloc(size);
  for (let at = 0, block = Buffer.from(seed); at < size; at += 32) {
    block = createHash("sha256").update(block).digest();
    block.copy(bytes, at);
  }
  return { ref: { asset: sha256Of(bytes), size }, bytes };
}
const sha256Of = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const from = (path: string, content: AssetRef): AnyScore => new FileScore({ path, content });

async function put(operator: Operator, { ref, bytes }: ReturnType<typeof madeOf>, again = false) {
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += MIB) yield bytes.subarray(at, at + MIB);
  }
  return operator.store.streamAsset(ref, pieces, { again });
}

async function world(url?: string) {
  const root = await temporaryFolder();
  const server = url ?? (await natsServer()).url;
  const operator = await Operator.connect(server);
  const start = (more: Partial<AgentProcessOptions> = {}): AgentProcess =>
    new AgentProcess({ harmony, url: server, root, ...more });
  const cached = async (): Promise<readonly string[]> => (await readdir(join(root, CACHE))).toSorted();
  return { root, url: server, operator, start, cached };
}

const mib = (bytes: number): number => Math.round(bytes / MIB);
const fetched = (agent: AgentProcess): number =>
  agent.log.filter(({ message }) => message === "an asset is here").length;

describe("a File from an asset, on a device with a real server", () => {
  test("is uploaded once, fetched once for two Scores, and gone from the cache when nothing refers to it", async () => {
    const { root, operator, start, cached } = await world();
    const site = madeOf("site", 3 * MIB + 17);
    expect(await put(operator, site)).toEqual({ _tag: "Stored", before: false });
    expect(await put(operator, site)).toEqual({ _tag: "Stored", before: true });
    const agent = start();
    await operator.send({ generation: 1, scores: { a: from("/a", site.ref), b: from("/b", site.ref) } });
    const status = await operator.converged(1, () => agent.tail);
    expect(status.scores["a"]).toMatchObject({
      outcome: "SUCCESS",
      details: { sha256: site.ref.asset, size: site.ref.size },
    });
    for (const name of ["a", "b"]) expect(sha256Of(await readFile(join(root, name)))).toBe(site.ref.asset);
    expect(fetched(agent)).toBe(1);
    expect(await cached()).toEqual([site.ref.asset]);

    // What is so already needs no asset, whoever ships it again.
    await operator.send({ generation: 2, scores: { b: from("/b", site.ref) } });
    expect((await operator.converged(2, () => agent.tail)).scores["b"]).toMatchObject({ outcome: "NOOP" });
    expect(await cached()).toEqual([site.ref.asset]);
    await operator.send({ generation: 3, scores: { c: file("/c", "plain") } });
    await operator.converged(3, () => agent.tail);
    await eventually(
      "the cache is empty",
      async () => (await cached()).length === 0,
      () => agent.tail,
    );
  });

  test("goes on from where it was after the agent was killed in the middle of it", async () => {
    const { root, url, operator, start } = await world();
    const large = madeOf("large", 20 * MIB);
    await put(operator, large);
    const proxy = await stallingProxy(url, 11 * MIB);
    const first = start({ url: proxy.url });
    await operator.send({ generation: 1, scores: { a: from("/a", large.ref) } });
    await proxy.stalled;
    await first.kill("SIGKILL");
    const second = start();
    await operator.converged(1, () => second.tail);
    const { fields } = await second.logged("going on with an asset");
    expect(Number(fields["from"])).toBeGreaterThanOrEqual(4 * MIB);
    expect(sha256Of(await readFile(join(root, "a")))).toBe(large.ref.asset);
  });

  test("that is missing is a typed failure, which heals when it comes", async () => {
    const { root, operator, start } = await world();
    const late = madeOf("late", 5000);
    const agent = start();
    await operator.send({ generation: 1, scores: { a: from("/a", late.ref), other: file("/other", "x") } });
    const failed = await operator.told(
      "it is told",
      ({ scores }) => scores["a"]?.state === "Failed",
      () => agent.tail,
    );
    expect(failed.scores["a"]?.error).toMatchObject({
      reason: "PortFailed",
      code: "NotFound",
      blame: "author",
      step: { do: "fetch" },
      message: `the asset ${late.ref.asset} (4.9 KiB) is not on the server.`,
      retryable: true,
    });
    expect(failed.scores["other"]?.state).toBe("Ready");
    await put(operator, late);
    await operator.converged(1, () => agent.tail);
    expect(sha256Of(await readFile(join(root, "a")))).toBe(late.ref.asset);
  });

  test("that is damaged on the server is a typed failure, never lands, and heals when it is put there again", async () => {
    const { root, url, operator, start, cached } = await world();
    const good = madeOf("good", MIB);
    const connection = await connect({ servers: url });
    const objects = await connection.jetstream().views.os("assets");
    await objects.putBlob({ name: good.ref.asset }, madeOf("bad", MIB).bytes);
    await connection.close();
    const agent = start();
    await operator.send({ generation: 1, scores: { a: from("/a", good.ref) } });
    const failed = await operator.told(
      "it is told",
      ({ scores }) => scores["a"]?.state === "Failed",
      () => agent.tail,
    );
    expect(failed.scores["a"]?.error).toMatchObject({ code: "Corrupt", step: { do: "fetch" } });
    expect(await readdir(root)).toEqual(["var"]);
    expect(await cached()).toEqual([]);
    expect(await put(operator, good, true)).toEqual({ _tag: "Stored", before: false });
    await operator.converged(1, () => agent.tail);
    expect(sha256Of(await readFile(join(root, "a")))).toBe(good.ref.asset);
  });

  test("that does not fit into the cache is a typed failure with the numbers", async () => {
    const { operator, start, cached } = await world();
    const big = madeOf("big", 2 * MIB);
    await put(operator, big);
    const agent = start({ args: ["--cache-limit", "1M"] });
    await operator.send({ generation: 1, scores: { a: from("/a", big.ref) } });
    const failed = await operator.told(
      "it is told",
      ({ scores }) => scores["a"]?.state === "Failed",
      () => agent.tail,
    );
    expect(failed.scores["a"]?.error).toMatchObject({
      code: "NoSpace",
      blame: "device",
      message: expect.stringMatching(/\(2\.0 MiB\) does not fit into the cache: it may hold 1\.0 MiB/),
      next: expect.stringContaining("--cache-limit"),
    });
    expect(await cached()).toEqual([]);
  });

  test("is repaired from the cache with no server, also after a restart, and fetched anew where the cache was damaged", async () => {
    const server = await RestartableServer.start();
    const { root, operator, start, cached } = await world(server.url);
    const site = madeOf("offline", 2 * MIB);
    await put(operator, site);
    const first = start();
    await operator.send({ generation: 1, scores: { a: from("/a", site.ref) } });
    await operator.converged(1, () => first.tail);
    await first.kill("SIGTERM");
    await server.kill();
    await rm(join(root, "a"));
    const second = start();
    const isThere = async (): Promise<boolean> => sha256Of(await readFile(join(root, "a"))) === site.ref.asset;
    await eventually(
      "it is there again",
      () => isThere().catch(() => false),
      () => second.tail,
    );

    const [name = ""] = await cached();
    await writeFile(join(root, CACHE, name), Buffer.alloc(site.ref.size));
    await rm(join(root, "a"));
    await second.logged("a Score failed", ({ error }) => JSON.stringify(error).includes('"Corrupt"'));
    expect(await cached()).toEqual([]);
    expect(await readdir(root)).toEqual(["var"]);
    await server.again();
    await eventually(
      "it is there again",
      () => isThere().catch(() => false),
      () => second.tail,
    );
  });

  test("of 200 MiB takes no more memory than one of 40 MiB", { timeout: 240_000 }, async () => {
    const { root, operator, start } = await world();
    const agent = start();
    const peaks: number[] = [];
    for (const [generation, pieces] of [
      [1, 40],
      [2, 200],
    ] as const) {
      const block = randomBytes(MIB);
      const source = async function* (): AsyncGenerator<Uint8Array> {
        for (let piece = 0; piece < pieces; piece += 1) {
          block.writeUInt32BE(piece);
          yield block;
        }
      };
      const sum = createHash("sha256");
      for await (const piece of source()) sum.update(piece);
      const ref = { asset: sum.digest("hex"), size: pieces * MIB };
      expect(await operator.store.streamAsset(ref, source)).toEqual({ _tag: "Stored", before: false });
      await operator.send({ generation, scores: { a: from("/a", ref) } });
      const status = await operator.converged(generation, () => agent.tail);
      expect(status.scores["a"]).toMatchObject({ state: "Ready", details: { sha256: ref.asset } });
      expect((await stat(join(root, "a"))).size).toBe(ref.size);
      peaks.push(await agent.peakMemory());
    }
    const [before = 0, after = 0] = peaks;
    process.stdout.write(`peak memory: ${mib(before)} MiB with 40 MiB, ${mib(after)} MiB with 200 MiB\n`);
    expect(after / before).toBeLessThan(1.3);
  });

  test("of the manifest to go back to is still there when a newer one is taken back", async () => {
    const { root, operator, start } = await world();
    const [old, next] = [madeOf("old", MIB), madeOf("next", MIB)];
    await put(operator, old);
    await put(operator, next);
    const agent = start();
    await operator.send({ generation: 1, scores: { a: from("/a", old.ref) } });
    await operator.converged(1, () => agent.tail);
    await agent.logged("the manifest is wholly Ready");
    await operator.send({
      generation: 2,
      scores: { a: from("/a", next.ref), bad: file("/.bad.harmony-new", "x") },
      rollbackOnFailure: { withinSeconds: 300 },
    });
    await operator.told(
      "it is taken back",
      ({ rolledBack }) => rolledBack?.to === 1,
      () => agent.tail,
    );
    const isBack = async (): Promise<boolean> => sha256Of(await readFile(join(root, "a"))) === old.ref.asset;
    await eventually(
      "the old file is back",
      () => isBack().catch(() => false),
      () => agent.tail,
    );
    const hereAgain = agent.log.filter(
      ({ message, fields }) => message === "an asset is here" && fields["asset"] === old.ref.asset,
    );
    expect(hereAgain).toHaveLength(1);
  });
});
