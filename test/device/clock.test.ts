import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import { AgentId, FileScore, manifest, PiTopology } from "../../src/index.ts";
import { enrolmentCode } from "../../src/wire/enrolment.ts";
import { credentialsFile } from "../../src/wire/nats/credentials.ts";
import { makeUserKey } from "../../src/wire/nats/nkey.ts";
import { AgentStatus, Heartbeat, readDocument } from "../../src/wire/status.ts";
import { type Bucket, type Store } from "../../src/wire/store.ts";
import { inFull } from "../support/endurance.ts";
import { startAgent } from "./machine/agent.ts";
import { onMachines, testMachine } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { managed } from "./machine/managed.ts";
import { servedFleet } from "./machine/served-fleet.ts";

/** Nothing is to be told for so long, but a heartbeat. */
const QUIET_MS = inFull(30_000, 11_000);
/** A standby takes a lease over that was not renewed for 20 s. */
const TAKEN_OVER_MS = 25_000;
const patience = { timeout: 60_000, interval: 100 };
/** As `libfaketime` writes times: from now, or of the day itself. */
const NOW = new Date().getUTCFullYear();
const RIGHT = { what: "back to now", to: "+0", years: [NOW, NOW + 1] } as const;
const AHEAD = { what: "a year ahead", to: "+365d", years: [NOW + 1, NOW + 2] } as const;
const BACK = { what: "back to 1970", to: "@1970-01-01 00:10:00", years: [1970] } as const;
const JUMPS: readonly { readonly what: string; readonly to: string; readonly years: readonly number[] }[] = [
  AHEAD,
  BACK,
  RIGHT,
];

const wanted = (text: string) =>
  manifest(PiTopology, {
    a: new FileScore({ path: "/srv/a", content: text }),
    b: new FileScore({ path: "/srv/b", content: "b" }),
  });
/** Its second Score fails, again and again, until somebody makes its folder. */
const failing = (text: string) =>
  manifest(PiTopology, {
    a: new FileScore({ path: "/srv/a", content: text }),
    lost: new FileScore({ path: "/srv/nowhere/lost", content: text }),
  });

/** From its next start on a service has a wall clock of its own, which can be made to jump. What never jumps stays as it is. */
async function ownClock(machine: Machine, service: string): Promise<(to: string) => Promise<void>> {
  const [library] = (await machine.run(["sh", "-c", "ls /usr/lib/*/faketime/libfaketimeMT.so.1"])).trim().split("\n");
  const file = `/run/clock-of-${service}`;
  const jump = (to: string): Promise<void> => machine.writeFile(file, `${to}\n`);
  await jump(RIGHT.to);
  await machine.writeFile(
    `/etc/systemd/system/${service}.service.d/clock.conf`,
    `[Service]\nEnvironment=LD_PRELOAD=${library} FAKETIME_TIMESTAMP_FILE=${file} FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1\n`,
  );
  return jump;
}

async function told<T>(
  store: Store,
  bucket: Bucket,
  id: AgentId,
  schema: Parameters<typeof readDocument<T>>[0],
): Promise<T> {
  const found = await store.get(bucket, id);
  if (found._tag !== "Value") throw new Error(`${bucket} of ${id}: ${found._tag}`);
  const read = readDocument(schema, found.value);
  if (read._tag === "Unreadable") throw new Error(read.message);
  return read.document;
}

const yearOf = (time: string | undefined): number => new Date(time ?? "").getUTCFullYear();

onMachines("a device whose clock jumps", () => {
  test(
    "converges, repairs, retries and beats as before, and tells nothing that is not news",
    { tags: ["systemd"], timeout: inFull(400_000, 240_000) },
    async () => {
      const machine = await testMachine({ name: "jumper" });
      const jump = await ownClock(machine, "harmony-agent");
      const { fleet, agentId, store } = await managed(machine);
      const beat = (): Promise<Heartbeat> => told(store, "heartbeat", agentId, Heartbeat);
      const status = (): Promise<AgentStatus> => told(store, "actual-state", agentId, AgentStatus);
      const apply = async (text: string): Promise<void> =>
        expect(await fleet.apply(wanted(text), agentId, { timeoutMs: 40_000 })).toMatchObject({ _tag: "Converged" });
      await vi.waitFor(() => beat(), patience);
      await apply("before");

      for (const { what, to, years } of JUMPS) {
        // During a backoff: it goes on by the clock that does not jump.
        expect(await fleet.apply(failing(what), agentId, { wait: false })).toMatchObject({ _tag: "Shipped" });
        const attempts = async (): Promise<number> => (await status()).scores["lost"]?.attempts ?? 0;
        await vi.waitFor(async () => expect(await attempts()).toBeGreaterThanOrEqual(2), patience);
        await jump(to);
        const jumpedAt = await attempts();
        await vi.waitFor(async () => expect(await attempts()).toBeGreaterThan(jumpedAt), patience);
        const { since = "", retryAfter } = (await status()).scores["lost"] ?? {};
        expect([what, new Date(since).toISOString()]).toEqual([what, since]);
        // Tried again within the longest pause, by the clock that it has now.
        if (retryAfter !== null) expect(years).toContain(yearOf(retryAfter));
        expect(await attempts()).toBeLessThan(12);

        // Drift, and a change.
        await apply(what);
        for (const { since: at } of (await status()).conditions) expect(new Date(at).toISOString()).toBe(at);
        await machine.writeFile("/srv/a", "tampered");
        await vi.waitFor(async () => expect(await machine.readFile("/srv/a")).toBe(what), patience);
        await vi.waitFor(
          async () => expect((await status()).scores["a"]).toMatchObject({ state: "Ready", change: "corrective" }),
          patience,
        );

        // Quiet: not one status, and heartbeats in their pace, which say what time it is there.
        await sleep(1500);
        const before = { ...(await store.get("actual-state", agentId)), beat: await beat() };
        await sleep(QUIET_MS);
        const after = { ...(await store.get("actual-state", agentId)), beat: await beat() };
        expect([what, "revision" in after && after.revision]).toEqual([what, "revision" in before && before.revision]);
        const beats = after.beat.sequence - before.beat.sequence;
        expect(beats).toBeGreaterThanOrEqual(1);
        expect(beats).toBeLessThanOrEqual(QUIET_MS / 10_000 + 2);
        expect(years).toContain(yearOf(after.beat.at));
        expect(after.beat.uptimeMs).toBeGreaterThan(before.beat.uptimeMs);
        expect(after.beat.epoch).toBe(1);
      }
      // During an apply, at any moment of it.
      for (const { what, to } of JUMPS) {
        const [applied] = await Promise.all([
          fleet.apply(wanted(`during ${what}`), agentId, { timeoutMs: 40_000 }),
          jump(to),
        ]);
        expect([what, applied._tag]).toEqual([what, "Converged"]);
      }
      expect(await machine.run(["systemctl", "show", "-p", "NRestarts", "--value", "harmony-agent"])).toBe("0\n");
    },
  );

  test(
    "that starts in 1970 trusts no certificate, says what to do, keeps what it has, and is back when the clock is right",
    { tags: ["systemd"], timeout: 240_000 },
    async () => {
      const cwd = await mkdtemp(join(tmpdir(), "harmony-test-clock-"));
      onTestFinished(() => rm(cwd, { recursive: true, force: true }));
      const ends: (() => Promise<void>)[] = [];
      onTestFinished(async () => {
        for (const end of ends.toReversed()) await end();
      });
      const at = await servedFleet({ cwd, hosts: ["198.51.100.1"], cleanup: (end) => void ends.push(end) });
      const id = AgentId.parse("no-battery");
      const machine = await testMachine({ name: id });
      await machine.natsUrl({ url: at.server });
      const jump = await ownClock(machine, "harmony-agent");
      const { seed, publicKey } = makeUserKey();
      await at.harmony("fleet", "accept", enrolmentCode({ id, key: publicKey }));
      const authority = await readFile(join(cwd, "fleet/device/ca.pem"), "utf8");
      await machine.writeFile("/etc/harmony-edge/agent.creds", credentialsFile(seed, authority), "0600");
      await machine.writeFile("/etc/harmony-edge/author.pub", await readFile(join(cwd, "fleet/device/author.pub")));
      const server = `tls://198.51.100.1:${new URL(at.server).port}`;
      const flags = ["--creds", "/etc/harmony-edge/agent.creds", "--trust", "author=/etc/harmony-edge/author.pub"];
      await startAgent(machine, { id, server, flags });
      const apply = (text: string, wait: boolean) =>
        at.fleet.apply(wanted(text), id, {
          signers: at.signers,
          timeoutMs: 40_000,
          ...(wait ? {} : { wait: false as const }),
        });
      expect(await apply("before", true)).toMatchObject({ _tag: "Converged" });

      for (const [to, says] of [
        ["@1970-01-01 00:00:10", "certificate is not valid yet; set the clock"],
        // The server's certificate lasts 825 days.
        ["+1000d", "certificate has ended; if the clock is right"],
      ] as const) {
        await jump(to);
        await machine.run(["systemctl", "restart", "harmony-agent"]);
        const log = (): Promise<string> => machine.run(["journalctl", "-q", "-u", "harmony-agent", "-o", "cat"]);
        await vi.waitFor(async () => expect(await log()).toContain(says), patience);
        const shipped = await apply(`shipped, ${to}`, false);
        expect(shipped).toMatchObject({ _tag: "Shipped" });
        await machine.writeFile("/srv/a", "tampered");
        await vi.waitFor(async () => expect(await machine.readFile("/srv/a")).not.toBe("tampered"), patience);
        // Said once, however often it is tried.
        await sleep(inFull(15_000, 7_000));
        expect((await log()).split("\n").filter((line) => line.includes(says))).toHaveLength(1);

        await jump(RIGHT.to);
        await vi.waitFor(async () => expect(await machine.readFile("/srv/a")).toBe(`shipped, ${to}`), patience);
        expect(await apply(`after, ${to}`, true)).toMatchObject({ _tag: "Converged" });
      }
    },
  );

  test(
    "does not lose the lease of its pair, and takes none that is held",
    { tags: ["systemd"], timeout: 240_000 },
    async () => {
      const machine = await testMachine({ name: "pair-clocks" });
      const { fleet, store, url } = await managed(machine);
      const pair = AgentId.parse("the-pair");
      const members = ["one", "two"] as const;
      await machine.writeFile(
        "/etc/systemd/system/member@.service",
        `[Service]\nExecStart=/usr/local/bin/harmony-agent run --id %i --root /srv/%i --failover ${pair} --server ${await machine.natsUrl({ url })}\n`,
      );
      const jumps: Record<string, (to: string) => Promise<void>> = {};
      for (const member of members) {
        await machine.run(["mkdir", "-p", `/srv/${member}`]);
        jumps[member] = await ownClock(machine, `member@${member}`);
      }
      await machine.run(["systemctl", "daemon-reload"]);
      const shipped = manifest(PiTopology, { here: new FileScore({ path: "/srv/here", content: "1", parents: true }) });
      await machine.run(["systemctl", "start", "member@one"]);
      const lease = (): Promise<Heartbeat> => told(store, "heartbeat", pair, Heartbeat);
      await vi.waitFor(async () => expect((await lease()).lease).toEqual({ member: "one", released: false }), patience);
      await machine.run(["systemctl", "start", "member@two"]);
      expect(await fleet.apply(shipped, pair, { timeoutMs: 60_000 })).toMatchObject({ _tag: "Converged" });
      const { epoch } = await lease();

      await jumps["one"]?.(AHEAD.to);
      await jumps["two"]?.(BACK.to);
      await sleep(TAKEN_OVER_MS);
      expect(await lease()).toMatchObject({ epoch, lease: { member: "one", released: false } });
      await jumps["one"]?.(BACK.to);
      await jumps["two"]?.(AHEAD.to);
      await sleep(inFull(TAKEN_OVER_MS, 5_000));
      expect(await lease()).toMatchObject({ epoch, lease: { member: "one", released: false } });
      const isThere = async (member: string): Promise<boolean> =>
        (await machine.exec(["test", "-e", `/srv/${member}/srv/here`])).code === 0;
      expect([await isThere("one"), await isThere("two")]).toEqual([true, false]);

      // And whoever is to take over does, whatever its clock says.
      await machine.run(["systemctl", "kill", "-s", "KILL", "member@one"]);
      await vi.waitFor(async () => expect((await lease()).lease).toEqual({ member: "two", released: false }), patience);
      await vi.waitFor(async () => expect(await isThere("two")).toBe(true), patience);
    },
  );
});
