import { access, readFile, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { AgentId } from "../../../src/wire/keys.ts";
import { type Heartbeat, writeDocument } from "../../../src/wire/status.ts";
import { natsServer } from "../../support/nats-server.ts";
import { AgentProcess, install, temporaryFolder } from "../support/agent-process.ts";
import { AGENT, file } from "../support/manifests.ts";
import { Operator, reasonOf } from "../support/operator.ts";

/** The pair has the id that the operator writes to. */
const PAIR = AGENT;
/** Of an agent, by which a failover is measured. */
const HEARTBEAT_MS = 10_000;

let harmony = "";
beforeAll(async () => {
  const installed = await install();
  ({ harmony } = installed);
  return installed.remove;
});

/** A line to the server that can be cut without either end hearing of it. */
async function lineTo(url: string): Promise<{ readonly url: string; cut(): void; mend(): void }> {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;
  const proxy = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => void (isCut || to.write(bytes)));
      from.on("close", () => to.destroy());
      from.on("error", () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    url: `nats://127.0.0.1:${address.port}`,
    cut: () => (isCut = true),
    mend: () => {
      isCut = false;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}

interface Member {
  readonly id: string;
  readonly root: string;
  process: AgentProcess;
}
const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
const made = ({ root }: Member): string => join(root, "srv/pair/active");

/** Two members, of which the first is active, and a manifest that has converged there. */
async function pair() {
  const { url } = await natsServer();
  const operator = await Operator.connect(url);
  const line = await lineTo(url);
  const start = (id: string, root: string, to: string): AgentProcess =>
    new AgentProcess({ harmony, url: to, root, args: ["--id", id, "--failover", PAIR] });
  const [first, second] = await Promise.all([temporaryFolder(), temporaryFolder()]);
  const a: Member = { id: "pi-a", root: first, process: start("pi-a", first, line.url) };
  // A pair that nobody was ever active for is waited for as any other; here somebody was who has let go.
  const former: Heartbeat = {
    agentId: PAIR,
    bootId: "former",
    epoch: 6,
    sequence: 1,
    uptimeMs: 1,
    agentVersion: "0.1.0",
    observedGeneration: 0,
    at: new Date().toISOString(),
    lease: { member: AgentId.parse("pi-c"), released: true },
  };
  const put = await operator.store.put("heartbeat", PAIR, writeDocument(former));
  if (put._tag !== "Written") throw new Error(`the former lease could not be put: ${JSON.stringify(put)}`);
  await a.process.logged("active: took the lease");
  const b: Member = { id: "pi-b", root: second, process: start("pi-b", second, url) };
  await operator.send({ generation: 1, scores: { active: file("/srv/pair/active", "1", { parents: true }) } });
  await operator.converged(1, () => a.process.tail);
  await b.process.logged("took an epoch");
  // The second one counts from when it saw the lease first.
  await sleep(2500);
  const both: boolean[] = [];
  const recording = setInterval(() => {
    void Promise.all([isThere(made(a)), isThere(made(b))]).then(([onA, onB]) => both.push(onA && onB));
  }, 10);
  onTestFinished(() => clearInterval(recording));
  return { operator, line, a, b, both, again: (member: Member) => start(member.id, member.root, line.url) };
}

/** Seconds since `from` until the other member has carried the manifest out. */
async function takenOver(operator: Operator, by: Member, generation: number, from: number): Promise<number> {
  await by.process.logged("active: took the lease");
  const status = await operator.told(
    `${by.id} is active and generation ${generation} has converged`,
    ({ agent, conditions, observedGeneration }) =>
      agent.member === by.id &&
      observedGeneration === generation &&
      conditions.some(({ type, status: is }) => type === "Ready" && is === "True"),
    () => by.process.tail,
  );
  expect(reasonOf(status, "Active")).toBe("Promoted");
  return performance.now() - from;
}

const timeout = 150_000;

describe("two agents of one pair, against a real server", () => {
  test(
    "the other one takes over within three heartbeats of a kill, and the killed one removes what it made when it starts",
    { timeout },
    async () => {
      const { operator, a, b, again } = await pair();
      const before = await operator.heartbeat();
      expect(before?.lease).toEqual({ member: "pi-a", released: false });
      expect(await isThere(made(b))).toBe(false);
      const killedAt = performance.now();
      await a.process.kill("SIGKILL");
      await sleep(10_000);
      const took = await takenOver(operator, b, 1, killedAt);
      process.stdout.write(`failover after SIGKILL: ${(took / 1000).toFixed(1)} s\n`);
      expect(took).toBeLessThan(3 * HEARTBEAT_MS);
      expect(await readFile(made(b), "utf8")).toBe("1");
      expect((await operator.heartbeat())?.epoch).toBe((before?.epoch ?? 0) + 1);

      a.process = again(a);
      await a.process.logged("a dropped Score was removed");
      expect(await isThere(made(a))).toBe(false);
      expect(await isThere(made(b))).toBe(true);
      expect(a.process.log.map(({ message }) => message)).not.toContain("active: took the lease of the pair");
    },
  );

  test(
    "one that was stopped for a while does nothing when it is continued, but remove what it made",
    { timeout },
    async () => {
      const { operator, a, b } = await pair();
      const stoppedAt = performance.now();
      process.kill(a.process.pid, "SIGSTOP");
      // Drift, and a new generation: each of them would be work for one that is active.
      await rm(made(a));
      await operator.send({ generation: 2, scores: { active: file("/srv/pair/active", "2", { parents: true }) } });
      await sleep(10_000);
      const took = await takenOver(operator, b, 2, stoppedAt);
      process.stdout.write(`failover after SIGSTOP: ${(took / 1000).toFixed(1)} s\n`);
      expect(took).toBeLessThan(3 * HEARTBEAT_MS);
      let reappeared = false;
      const recording = setInterval(() => void isThere(made(a)).then((is) => (reappeared ||= is)), 2);
      process.kill(a.process.pid, "SIGCONT");
      await a.process.logged("passive: the lease of the pair is lost");
      await sleep(2000);
      clearInterval(recording);
      expect(reappeared).toBe(false);
      expect(await isThere(join(a.root, "srv/pair"))).toBe(false);
      const messages = a.process.log.map(({ message }) => message);
      const lost = messages.indexOf("passive: the lease of the pair is lost");
      expect(messages.slice(lost)).not.toContain("drift was repaired");
      expect(messages).not.toContain("a bug of the failover");
      expect((await operator.status())?.agent.member).toBe("pi-b");
    },
  );

  test(
    "one that is cut off removes what it made before the other one begins, so that it is never on both",
    { timeout },
    async () => {
      const { operator, line, a, b, both } = await pair();
      const cutAt = performance.now();
      line.cut();
      await sleep(10_000);
      const took = await takenOver(operator, b, 1, cutAt);
      process.stdout.write(`failover after a cut: ${(took / 1000).toFixed(1)} s\n`);
      expect(took).toBeLessThan(3 * HEARTBEAT_MS);
      expect(await isThere(made(a))).toBe(false);
      line.mend();
      await a.process.logged("connected");
      await sleep(3000);
      expect(await isThere(made(a))).toBe(false);
      expect(both.length).toBeGreaterThan(1000);
      expect(both).not.toContain(true);
    },
  );

  test(
    "one that is asked to stop hands over, and a killed one that is started again soon goes on",
    { timeout },
    async () => {
      const { operator, a, b, both, again } = await pair();
      await a.process.kill("SIGKILL");
      a.process = again(a);
      await a.process.logged("active: took the lease");
      expect((await operator.heartbeat())?.epoch).toBe(8);
      await operator.told("it goes on", ({ epoch }) => epoch === 8);
      expect(await readFile(made(a), "utf8")).toBe("1");

      const askedAt = performance.now();
      expect(await a.process.kill("SIGTERM")).toEqual({ code: 0, signal: null });
      const took = await takenOver(operator, b, 1, askedAt);
      process.stdout.write(`handed over: ${(took / 1000).toFixed(1)} s\n`);
      expect(took).toBeLessThan(HEARTBEAT_MS);
      expect(both).not.toContain(true);
    },
  );
});
