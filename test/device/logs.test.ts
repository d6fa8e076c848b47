import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  ContainerScore,
  FileScore,
  manifest,
  PiTopology,
  secret,
  SystemdServiceScore,
  SystemdTimerScore,
  SystemdUnitScore,
} from "../../src/index.ts";
import { logSourceContract } from "../agent/logs/log-source.contract.ts";
import { harmony } from "../cli/in-process.ts";
import { canary, foundIn } from "../support/canary.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";
import { type Managed, managed } from "./machine/managed.ts";
import { type Kept, promisesOn } from "./promises.ts";
import { pushImage, REGISTRY, startRegistry } from "./registry.ts";

const SECRET = canary("printed");
const patience = { timeout: 60_000, interval: 100 };

/** It says what it was handed, and then a line each tenth of a second. */
const talker = new SystemdServiceScore({
  name: "talker",
  exec: [
    "/bin/sh",
    "-c",
    'echo "the token is $(cat $CREDENTIALS_DIRECTORY/token)"; echo "it broke" >&2; n=0; while :; do n=$((n+1)); echo "tick $n"; sleep 0.1; done',
  ],
  credentials: { token: secret("api-token") },
  readyAfterSeconds: 0.2,
});
const said = new SystemdServiceScore({ name: "said", exec: ["/bin/echo", "said by a timer"], run: "when-asked" });
const wanted = manifest(PiTopology, {
  talker,
  said,
  timer: new SystemdTimerScore({ name: "said", onActiveSeconds: 1 }),
  journald: new SystemdUnitScore({ unit: "systemd-journald.service", active: true }),
  motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
});
const withContainer = manifest(PiTopology, {
  app: new ContainerScore({
    name: "app",
    image: `${REGISTRY}/app:1`,
    entrypoint: ["/bin/sh", "-c", 'trap "exit 0" TERM; echo "hello from $TAG"; sleep 1000000 & wait'],
    readyAfterSeconds: 0,
  }),
});

onMachines("the journal of a real machine, read from elsewhere", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let agent: Managed;
  let kept: readonly Kept[] = [];

  const sh = (script: string): Promise<string> => machine.run(["sh", "-ec", script]);
  const apply = async (what: typeof wanted, value?: string) => {
    const key = await agent.fleet.sealingKey(agent.agentId);
    if (typeof key !== "string") throw new Error("the agent has published no key");
    const values = value === undefined ? undefined : new Map([["api-token", Buffer.from(value)]]);
    return agent.fleet.apply(what, agent.agentId, { secrets: { values, trustedKeys: [key] } });
  };
  const logs = (...words: readonly string[]) =>
    harmony(["logs", agent.agentId, ...words], { env: { HARMONY_SERVER: agent.url } });
  const readers = async (): Promise<number> =>
    Number(await sh("cat /proc/[0-9]*/comm 2>/dev/null | grep -cx journalctl || true"));

  beforeAll(async () => {
    machine = await boot({ name: "logs" });
    kept = await promisesOn(machine, "journal.ts", "");
    agent = await managed(machine, { cleanup: (end) => void ends.push(async () => end()) });
    const isThere = async (): Promise<boolean> => typeof (await agent.fleet.sealingKey(agent.agentId)) === "string";
    await vi.waitFor(async () => (await isThere()) || Promise.reject(new Error("no key is published")), patience);
  }, 180_000);
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test.for(logSourceContract)("journalctl keeps the contract: $name", { tags: ["systemd"] }, ({ name }) => {
    expect(kept.find((each) => each.name === name)).toMatchObject({ error: null });
  });

  test("what a service has logged is told, how grave it is, and no secret in it", { tags: ["systemd"] }, async () => {
    expect(await apply(wanted, SECRET)).toMatchObject({ _tag: "Converged" });
    // The journal itself has it.
    expect(foundIn(await sh("journalctl -u talker --no-pager -o cat"), SECRET)).not.toEqual([]);
    const { code, out, err } = await logs("talker", "--tail", "10000");
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^\S+Z {2}systemd\[1\]: Started talker\.service/m);
    expect(out).toMatch(/^\S+Z {2}sh\[\d+\]: the token is \[redacted\]$/m);
    expect(out).toMatch(/^\S+Z {2}sh\[\d+\]: it broke$/m);
    expect(out).toMatch(/: tick 1\n.*: tick 2\n/);
    expect(foundIn(out, SECRET)).toEqual([]);
    const json = await logs("talker", "-n", "3", "--json");
    expect(JSON.parse(json.out)).toMatchObject({
      agentId: agent.agentId,
      source: "journal",
      units: ["talker.service"],
      items: [{ text: expect.stringMatching(/^tick/), priority: 6 }, {}, {}],
    });
    expect(await readers()).toBe(0);
  });

  test(
    "a timer tells of what it starts too; a unit of the system, of its own; a file runs nothing",
    { tags: ["systemd"] },
    async () => {
      await vi.waitFor(async () => expect((await logs("timer")).out).toContain("said by a timer"), patience);
      expect((await logs("journald")).out).toMatch(/systemd-journald\[\d+\]: /);
      const file = await logs("motd");
      expect({ code: file.code, out: file.out }).toEqual({ code: 1, out: "" });
      expect(file.err).toContain('"motd" is a File, which runs nothing that logs');
      expect((await logs("tlaker")).err).toContain('Did you mean "talker"?');
    },
  );

  test(
    "who follows gets each line once, over a restart of the agent, and leaves no process behind",
    { tags: ["systemd"] },
    async () => {
      const over = new AbortController();
      let out = "";
      const running = harmony(["logs", agent.agentId, "talker", "-f", "-n", "1"], {
        env: { HARMONY_SERVER: agent.url },
        signal: over.signal,
        onOutput: (text) => (out += text),
      });
      const ticks = (): readonly number[] => [...out.matchAll(/: tick (\d+)\n/g)].map(([, nth]) => Number(nth));
      await vi.waitFor(() => expect(ticks().length).toBeGreaterThan(20), patience);
      expect(await readers()).toBe(1);
      await sh("systemctl restart harmony-agent");
      const before = ticks().length;
      await vi.waitFor(() => expect(ticks().length).toBeGreaterThan(before + 40), patience);
      over.abort();
      expect(await running).toMatchObject({ code: 0 });
      const [first = 0] = ticks();
      expect(ticks()).toEqual(ticks().map((_, nth) => first + nth));
      await vi.waitFor(async () => expect(await readers()).toBe(0), patience);
    },
  );

  test("the agent's own log is that of its unit, of starts before this one too", { tags: ["systemd"] }, async () => {
    const { code, out } = await logs("--tail", "1000");
    expect(code).toBe(0);
    expect(out.match(/ took an epoch /g)?.length).toBeGreaterThan(1);
    expect(JSON.parse((await logs("--json")).out)).toMatchObject({
      source: "journal",
      units: ["harmony-agent.service"],
    });
  });

  test("what a container has printed is told", { tags: ["podman"] }, async () => {
    await startRegistry(machine);
    await pushImage(machine, "app", "1");
    expect(await apply(withContainer)).toMatchObject({ _tag: "Converged" });
    await vi.waitFor(async () => expect((await logs("app")).out).toMatch(/app\[\d+\]: hello from 1\n/), patience);
  });
});
