import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { KEYS } from "../../../src/agent/keyring.ts";
import type { FleetDescription, Member } from "../../../src/cli/fleet-setup/description.ts";
import { FleetDirectory } from "../../../src/cli/fleet-setup/fleet-directory.ts";
import { servedChange } from "../../../src/cli/fleet-setup/keep-keys.ts";
import { RenewalDesk } from "../../../src/cli/fleet-setup/renewal-desk.ts";
import { spawnServer, findNatsServer } from "../../../src/cli/nats-server.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { connectStore } from "../../../src/wire/nats/connect.ts";
import { serveRenewals } from "../../../src/wire/nats/renewal-service.ts";
import { RenewalRequest, readRenewal } from "../../../src/wire/renewal.ts";
import { AgentProcess, install, temporaryFolder } from "../../agent/support/agent-process.ts";
import { eventually } from "../../agent/support/eventually.ts";
import { freePort } from "../../support/free-port.ts";
import { folder, harmony, manifestOf } from "../in-process.ts";
import { enrollOn, serveFleet } from "./support.ts";

// Real processes, on a machine that may do other things besides.
const ID = AgentId.parse("pi-7");
let launcher = "";
beforeAll(async () => {
  const installed = await install();
  launcher = installed.harmony;
  return installed.remove;
});

/** A fleet in which pi-7 was enrolled; its server does not run yet. */
async function enrolled(...init: readonly string[]) {
  const cwd = folder({
    "one.ts": manifestOf({ page: ["/page", "one"] }),
    "two.ts": manifestOf({ page: ["/page", "two"] }),
  });
  const place = ["--host", "127.0.0.1", "--listen", "127.0.0.1", "--port", await freePort()];
  expect((await harmony(["fleet", "init", ...place, ...init], { cwd })).code).toBe(0);
  const directory = new FleetDirectory(join(cwd, "fleet"));
  const root = await temporaryFolder();
  const creds = join(root, "agent.creds");
  const { code } = enrollOn(launcher, ID, creds, directory.at("device", "ca.pem"));
  expect((await harmony(["fleet", "accept", code], { cwd })).code).toBe(0);
  const fleet = async (): Promise<FleetDescription> => {
    const read = await directory.read();
    if ("_tag" in read) throw new Error(read.message);
    return read;
  };
  const member = async (): Promise<Member> => {
    const found = (await fleet()).agents[ID];
    if (found === undefined) throw new Error("pi-7 is out");
    return found;
  };
  /** As if the key had been there for so much of its life. */
  const age = async (share: number): Promise<void> => {
    const now = await fleet();
    const { lifeSeconds = 0, ...rest } = await member();
    const since = new Date(Date.now() - share * lifeSeconds * 1000);
    const notAfter = new Date(since.getTime() + lifeSeconds * 1000).toISOString();
    const aged = { ...rest, lifeSeconds, since: since.toISOString(), notAfter };
    await directory.alone(() => directory.write({ ...now, agents: { ...now.agents, [ID]: aged } }));
  };
  const server = `tls://127.0.0.1:${(await fleet()).listen.port}`;
  const start = (file = creds): AgentProcess =>
    new AgentProcess({ harmony: launcher, url: server, root, args: ["--id", ID, "--creds", file] });
  const isLetIn = async (): Promise<boolean> => {
    const kept: Record<string, string | null> = JSON.parse(
      readFileSync(join(root, "var/lib/harmony-edge/agent", KEYS), "utf8"),
    );
    const authority = readFileSync(directory.at("device", "ca.pem"), "utf8");
    for (const seed of [kept["current"], kept["next"], /SU\w+/.exec(readFileSync(creds, "utf8"))?.[0]]) {
      if (seed === undefined || seed === null) continue;
      const credsFile = `${authority}\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
      // A server that has much to do at the moment is no answer.
      const connected = await eventually("the server says yes or no", async () => {
        const asked = await connectStore({ servers: server, credsFile, inboxPrefix: `_INBOX.${ID}.look` });
        return asked._tag === "Connected" || asked.reason === "Denied" ? asked : null;
      });
      if (connected._tag === "Unreachable") continue;
      await connected.store.close();
      return true;
    }
    return false;
  };
  const as = ["--server", server, "--creds", directory.at("keys", "author.creds")];
  const apply = async (file: string) => harmony(["apply", file, "--agent", ID, "--timeout", "60s", ...as], { cwd });
  const page = (): string => readFileSync(join(root, "page"), "utf8");
  return { cwd, directory, root, creds, server, fleet, member, age, start, isLetIn, apply, page };
}

/** How often it lost the connection that it had. */
const outages = (agent: AgentProcess): number => {
  const told = agent.log.map(({ message }) => message);
  return told.slice(told.indexOf("connected")).filter((each) => each.startsWith("disconnected")).length;
};

test("a key that is due is renewed while the agent works: nothing is lost, nobody is told of an outage, the former key is out", async () => {
  const at = await enrolled("--key-life", "2h");
  const first = await at.member();
  await at.age(0.75);
  await serveFleet(at.cwd);
  const agent = at.start();
  const applied = await at.apply("one.ts");
  expect([applied.code, applied.err]).toEqual([0, expect.anything()]);
  await agent.logged("the key was renewed");
  const now = await at.member();
  expect([now.key === first.key, now.next, now.lifeSeconds]).toEqual([false, undefined, 7200]);
  expect((await at.apply("two.ts")).code).toBe(0);
  expect(at.page()).toBe("two");
  expect(outages(agent)).toBe(0);
  // What was copied from the device before is worth nothing now.
  const stolen = await connectStore({ servers: at.server, credsFile: readFileSync(at.creds, "utf8") });
  expect(stolen).toMatchObject({ _tag: "Unreachable", reason: "Denied" });
  await agent.kill("SIGKILL");
  const again = at.start();
  await again.logged("connected");
  expect((await at.apply("one.ts")).code).toBe(0);
  const listed = await harmony(["fleet", "list", "--json"], { cwd: at.cwd });
  const { keys }: { keys: readonly unknown[] } = JSON.parse(listed.out);
  expect(keys[0]).toMatchObject({ name: ID, is: "device", key: now.key, ending: "good", isRenewing: false });
});

/** A server of the fleet whose desk asks before it takes a request and before it answers. */
async function servedBy(at: Awaited<ReturnType<typeof enrolled>>, gate: (point: string) => Promise<void>) {
  const found = await findNatsServer();
  if ("problem" in found) throw new Error(found.problem);
  const signal = new AbortController().signal;
  const { stop } = await spawnServer(found.path, ["-c", at.directory.config], signal);
  onTestFinished(stop);
  const { change } = servedChange(at.directory, signal);
  const desk = new RenewalDesk({ read: async () => at.directory.read(), change, now: () => new Date(), say: () => {} });
  const credsFile = readFileSync(at.directory.at("keys", "operator.creds"), "utf8");
  const options = { servers: at.server, credsFile, name: "desk" };
  const end = serveRenewals(options, async (id, bytes) => {
    const ask = readRenewal(RenewalRequest, bytes)?.ask ?? "?";
    await gate(`before ${ask}`);
    const reply = await desk.handle(id, bytes);
    await gate(`after ${ask}`);
    return reply;
  });
  onTestFinished(end);
  await eventually("the buckets are there", async () => {
    const operator = await connectStore({ servers: at.server, credsFile });
    if (operator._tag === "Unreachable") return false;
    const ready = await operator.store.ensureBuckets();
    await operator.store.close();
    return ready._tag === "Ready";
  });
  return stop;
}

test("an agent that is killed at any step of it can get in, and has its new key in the end", async () => {
  const at = await enrolled("--key-life", "2h");
  let agent: AgentProcess | null = null;
  const killed: string[] = [];
  // The second look is the one over the new connection.
  const wanted = ["before look", "before renew", "after renew", "look again", "before confirm", "after confirm"];
  let looks = 0;
  await servedBy(at, async (point) => {
    if (point === "before look") looks += 1;
    const name = point === "before look" && looks > 1 && killed.includes("after renew") ? "look again" : point;
    if (wanted[killed.length] !== name || agent === null) return;
    const victim = agent;
    agent = null;
    await victim.kill("SIGKILL");
    killed.push(name);
  });
  const first = await at.member();
  await at.age(0.75);
  for (const point of wanted) {
    const started = at.start();
    agent = started;
    await eventually(
      `it is killed ${point}`,
      () => killed.includes(point),
      () => started.tail,
    );
    await started.exited;
    if (point !== "before look") expect(await at.isLetIn()).toBe(true);
  }
  expect(killed).toEqual(wanted);
  const last = at.start();
  await last.logged("renewal of the key: renewed before it ends");
  const now = await at.member();
  expect([now.key === first.key, now.next]).toEqual([false, undefined]);
  expect((await at.apply("one.ts")).code).toBe(0);
});

test("one that is revoked in the middle of it is out, with both of its keys", async () => {
  const at = await enrolled("--key-life", "2h");
  let hold = (): void => {};
  const held = new Promise<void>((resolve) => (hold = resolve));
  let isHere = false;
  await servedBy(at, async (point) => {
    if (point !== "before confirm") return;
    isHere = true;
    await held;
  });
  await at.age(0.75);
  const agent = at.start();
  await eventually(
    "it is about to confirm",
    () => isHere,
    () => agent.tail,
  );
  expect((await at.member()).next).toBeDefined();
  expect((await harmony(["fleet", "revoke", ID], { cwd: at.cwd })).code).toBe(0);
  hold();
  await eventually("its connection has ended", () => outages(agent) > 0);
  expect(await at.isLetIn()).toBe(false);
  expect((await at.fleet()).agents).toEqual({});
});

test("a server that dies in the middle of it, and is served anew, goes on with it", async () => {
  const at = await enrolled("--key-life", "2h");
  let isHere = false;
  const stop = await servedBy(at, async (point) => {
    if (point !== "after renew") return;
    isHere = true;
    // Nobody answers any more.
    await new Promise(() => {});
  });
  await at.age(0.75);
  const agent = at.start();
  await eventually(
    "the next key is let in, and nobody was told",
    () => isHere,
    () => agent.tail,
  );
  await stop();
  await serveFleet(at.cwd);
  await agent.logged("the key was renewed");
  expect((await at.member()).next).toBeUndefined();
  expect((await at.apply("one.ts")).code).toBe(0);
});

test("a key that has ended is let in no more, which is told; enrolled anew the device is back", async () => {
  const at = await enrolled("--key-life", "2h");
  const end = await serveFleet(at.cwd);
  const agent = at.start();
  expect((await at.apply("one.ts")).code).toBe(0);
  await agent.logged("renewal of the key: renewed before it ends");
  await at.age(1.01);
  await eventually("its connection has ended", () => outages(agent) > 0);
  expect((await at.member()).ended).toBe(true);
  const { out } = await harmony(["fleet", "list", "--ending"], { cwd: at.cwd });
  expect(out).toMatch(/^pi-7 +device +U\w{7}\.\.\. +\d+ s ago +ended$/m);
  const words = [launcher, "agent", "doctor", "--root", at.root, "--server", at.server, "--creds", at.creds];
  const doctor = spawnSync(process.execPath, words, { encoding: "utf8", timeout: 60_000 });
  expect(doctor.stdout).toMatch(/^fail +server .*\n.*has ended or was revoked/m);
  await agent.kill("SIGTERM");

  const anew = join(at.root, "anew.creds");
  const { code } = enrollOn(launcher, ID, anew, at.directory.at("device", "ca.pem"));
  expect((await harmony(["fleet", "accept", code, "--replace"], { cwd: at.cwd })).code).toBe(0);
  at.start(anew);
  const applied = await at.apply("two.ts");
  expect([applied.code, at.page()]).toEqual([0, "two"]);
  const { err } = await end();
  expect(err).toContain("The key of pi-7 has ended");
});

test("a key of people ends as well; a new one is made while the former one is let in for its overlap", async () => {
  const at = await enrolled();
  await serveFleet(at.cwd);
  const creds = (): string => readFileSync(at.directory.at("keys", "viewer.creds"), "utf8");
  const isLetIn = async (credsFile: string): Promise<boolean> => {
    const connected = await connectStore({ servers: at.server, credsFile });
    if (connected._tag === "Connected") await connected.store.close();
    return connected._tag === "Connected";
  };
  const rekey = async (...words: readonly string[]) =>
    expect((await harmony(["fleet", "rekey", "viewer", ...words], { cwd: at.cwd })).code).toBe(0);
  const first = creds();
  await rekey();
  const second = creds();
  expect([await isLetIn(first), await isLetIn(second)]).toEqual([true, true]);
  await rekey("--overlap", "0", "--key-life", "1s");
  const third = creds();
  expect([await isLetIn(first), await isLetIn(second)]).toEqual([false, false]);
  await eventually("the third one has ended", async () => !(await isLetIn(third)));
  expect((await at.fleet()).people?.viewer?.ended).toBe(true);
});
