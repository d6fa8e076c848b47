import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { AgentStatus, readDocument } from "../../../src/wire/status.ts";
import { onMachines, suiteMachines } from "../machine/for-tests.ts";
import type { Machine } from "../machine/machine.ts";
import { type Managed, managed } from "../machine/managed.ts";
import { inFull, median, seeded, tell } from "../../support/endurance.ts";
import { agentOn, notAsWanted, observe, type Observer } from "./observed.ts";
import { another, effectsOf, manifestOf, THEIRS, type Variants, WATCHED } from "./thirty.ts";

const KILLS = inFull(200, 5);
/** Interpretations that nobody disturbs: how long one takes. */
const MEASURED = inFull(5, 1);
const patience = { timeout: 60_000, interval: 10 };

onMachines("an agent that is killed", () => {
  const boot = suiteMachines();
  const ends: (() => Promise<void>)[] = [];
  let machine: Machine;
  let device: Managed;
  let observer: Observer;
  let variants: Variants = new Map();
  const random = seeded("kills");

  const status = async (): Promise<AgentStatus | null> => {
    const found = await device.store.get("actual-state", device.agentId);
    const read = found._tag === "Value" ? readDocument(AgentStatus, found.value) : null;
    return read?._tag === "Read" ? read.document : null;
  };
  const reasonOf = (of: AgentStatus | null, wanted: string): string | undefined =>
    of?.conditions.find(({ type }) => type === wanted)?.reason;
  /** That this start has come to rest with this generation. */
  const converged = (generation: number, epoch: number): Promise<AgentStatus> =>
    vi.waitFor(async () => {
      const now = await status();
      expect(now).toMatchObject({ generation, observedGeneration: generation, epoch });
      const errors = Object.entries(now?.scores ?? {}).flatMap(([id, { error }]) =>
        error ? [`${id}: ${error.message}`] : [],
      );
      expect([reasonOf(now, "Ready"), reasonOf(now, "Reconciling"), ...errors]).toEqual(["Converged", "Idle"]);
      if (now === null) throw new Error("there is no status");
      return now;
    }, patience);
  const ship = async (wanted: Variants): Promise<number> => {
    const shipped = await device.fleet.apply(manifestOf(wanted), device.agentId, { wait: false });
    if (shipped._tag !== "Shipped") throw new Error(`it was not shipped: ${JSON.stringify(shipped)}`);
    return shipped.generation;
  };

  beforeAll(async () => {
    machine = await boot({ name: "killed" });
    await machine.run(["mkdir", "-p", "/srv/starts", "/srv/jobs"]);
    await machine.writeFile(THEIRS.path, THEIRS.text);
    // Two hundred ends within minutes are the test's doing.
    await machine.writeFile(
      "/etc/systemd/system/harmony-agent.service.d/endurance.conf",
      "[Unit]\nStartLimitIntervalSec=0\n",
    );
    device = await managed(machine, { cleanup: (end) => void ends.push(end), flags: ["--allow-audited-shell"] });
    await vi.waitFor(async () => {
      const { capabilities } = await device.capabilities();
      const missing = ["AuditedShell", "PacketFilter"].filter((name) => !(name in capabilities));
      if (missing.length > 0) throw new Error(`not offered yet: ${missing.join(", ")}`);
    }, patience);
    variants = another(variants, 1, random);
    await converged(await ship(variants), 1);
    observer = await observe(machine, WATCHED);
    ends.push(() => observer.stop());
  });
  afterAll(async () => {
    for (const end of ends.toReversed()) await end();
  });

  test("restarts nothing at its start where systemd calls every unit changed", { tags: ["systemd"] }, async () => {
    await machine.writeFile(
      "/etc/systemd/system/stale.service",
      `${THEIRS.text}\n[Install]\nWantedBy=multi-user.target\n`,
    );
    await observer.begin();
    const epoch = (await status())?.epoch ?? Number.NaN;
    await machine.run(["systemctl", "stop", "harmony-agent"]);
    await machine.run(["systemctl", "--no-reload", "enable", "stale.service"]);
    expect(await machine.run(["systemctl", "show", "-P", "NeedDaemonReload", "theirs0.service"])).toBe("yes\n");
    await machine.run(["systemctl", "start", "harmony-agent"]);
    await converged(1, epoch + 1);
    await observer.settle();
    expect([...observer.effects.keys()].filter((effect) => effect.startsWith("start "))).toEqual([]);
  });

  test(
    `at ${KILLS} moments of the interpretation of thirty Scores, converges each time, and does nothing twice`,
    { tags: ["systemd"], timeout: inFull(3_600_000, 120_000) },
    async () => {
      const lengths: number[] = [];
      const broken: string[] = [];
      const fell = { before: 0, amid: 0, after: 0 };
      let generation = 1;
      for (let round = -MEASURED; round < KILLS; round += 1) {
        const isKilled = round >= 0;
        const epoch = (await status())?.epoch ?? Number.NaN;
        const next = another(variants, generation + 1, random);
        const expected = effectsOf(variants, next);
        await observer.begin();
        const pid = agentOn(machine);
        if (pid === null) throw new Error("no agent runs on the machine");
        const atMs = random.next() * 1.05 * Math.max(...lengths);
        generation = await ship(next);
        const began = performance.now();
        if (isKilled) {
          await sleep(atMs);
          process.kill(pid, "SIGKILL");
          const seen = [...expected.keys()].filter((effect) => observer.effects.has(effect)).length;
          const files = [...expected.keys()].filter((effect) => effect.startsWith("/")).length;
          fell[seen === 0 ? "before" : seen < files ? "amid" : "after"] += 1;
        }
        const now = await converged(generation, isKilled ? epoch + 1 : epoch);
        if (!isKilled) lengths.push(performance.now() - began);
        await observer.settle();
        const wrong = differences(expected, observer.effects);
        wrong.push(...(await notAsWanted(machine, next)));
        for (const [id, { state }] of Object.entries(now.scores)) {
          if (state !== "Ready") wrong.push(`${id} is ${state}`);
        }
        if (Object.keys(now.scores).length !== 30) wrong.push(`${Object.keys(now.scores).length} Scores are told`);
        variants = next;
        if (wrong.length === 0) continue;
        const when = isKilled ? `kill ${round + 1}, ${atMs.toFixed(0)} ms after it was shipped` : "nobody killed it";
        broken.push(`generation ${generation} (${when}): ${wrong.join("; ")}`);
        tell(broken.at(-1) ?? "");
      }
      tell(
        `an interpretation of thirty Scores takes ${median(lengths).toFixed(0)} ms; ${KILLS} kills, ${broken.length} broken; ` +
          `${fell.before} before the first file, ${fell.amid} amid, ${fell.after} after the last one`,
      );
      expect(broken).toEqual([]);
    },
  );
});

/** What happened as often as it should not. */
function differences(expected: ReadonlyMap<string, number>, seen: ReadonlyMap<string, number>): string[] {
  const all = [...new Set([...expected.keys(), ...seen.keys()])].filter(
    (effect) => !effect.startsWith("start j") && !effect.includes("/harmony-agent."),
  );
  return all
    .filter((effect) => (expected.get(effect) ?? 0) !== (seen.get(effect) ?? 0))
    .map((effect) => `${effect}: ${seen.get(effect) ?? 0} times instead of ${expected.get(effect) ?? 0}`);
}
