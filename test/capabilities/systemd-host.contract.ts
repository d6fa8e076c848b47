import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { PortError } from "../../src/capabilities/port-error.ts";
import type { SystemdHost, UnitState, UnitTimes } from "../../src/capabilities/systemd-host.ts";
import type { FakeUnit } from "../../src/testing/fake-systemd-host.ts";

/** A supervisor under test, in memory or real, with nothing of the names below. */
export interface Stage {
  readonly host: SystemdHost;
  /** What others do; they have the supervisor read it. `crashes`: its program ends at once. */
  readonly put: (unit: string, to: FakeUnit) => void | Promise<void>;
  /** How often all unit files were read again, by anybody. */
  readonly reloads: () => number | Promise<number>;
}

/** One thing that every SystemdHost does. Runs in any test framework, and without one. */
export interface Rule {
  readonly name: string;
  readonly run: (stage: Stage) => Promise<void>;
}

/** The units of the rules, to be cleared away between two of them. */
export const UNITS = ["contract.service", "second.service"];
const [OWN = "", SECOND = ""] = UNITS;

const TEXT = "[Service]\nExecStart=/bin/other\n\n[Install]\nWantedBy=multi-user.target\n";
const OTHER_TEXT = TEXT.replace("[Install]", "Nice=5\n\n[Install]");
const SETTINGS = "[Service]\nNice=5\n";
const { signal } = new AbortController();
const steady = { steadyMs: 0 };

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function stateOf({ host }: Stage, unit = OWN): Promise<UnitState> {
  const [state] = await host.units([unit], signal);
  assert(state !== undefined);
  return state;
}

/** It has these facts among others. */
function like(actual: object, expected: object): void {
  const named = new Set(Object.keys(expected));
  assert.deepEqual(Object.fromEntries(Object.entries(actual).filter(([name]) => named.has(name))), expected);
}

/** It is refused by a PortError of that code. */
async function refused(code: string, call: Promise<unknown>): Promise<void> {
  const error: unknown = await call.then(
    () => "nothing was refused",
    (thrown: unknown) => thrown,
  );
  assert(error instanceof PortError, String(error));
  assert.equal(error.problem.code, code, error.message);
  assert.match(error.problem.next, /\.$/);
}

export const systemdHostContract: readonly Rule[] = [
  {
    name: "tells of what is not there that it is not found, starts and enables none of it, and takes none of it away",
    async run(stage) {
      const { host } = stage;
      const nothing = { load: "not-found", active: "inactive", enablement: "", fragment: null, mainPid: null };
      like(await stateOf(stage), { ...nothing, needsReload: false, outdated: false });
      assert.deepEqual(host.unitFile(OWN, "unit"), { type: "absent", leftover: false });
      await refused("NotFound", host.start(OWN, steady, signal));
      await refused("NotFound", host.enable(OWN, signal));
      await host.stop(OWN, signal);
      await host.disable(OWN, signal);
      await host.resetFailed(OWN, signal);
      await host.removeUnitFile(OWN, "unit", signal);
      await host.removeUnitFile(OWN, "drop-in", signal);
    },
  },
  {
    name: "writes, enables, starts, stops, disables and removes a unit, and nothing of it is left",
    async run(stage) {
      const { host } = stage;
      await host.writeUnitFile(OWN, "unit", TEXT, signal);
      assert.deepEqual(host.unitFile(OWN, "unit"), { type: "file", sha256: sha256(TEXT) });
      await host.enable(OWN, signal);
      await host.reload(OWN, signal);
      like(await stateOf(stage), {
        load: "loaded",
        active: "inactive",
        enablement: "enabled",
        fragment: `/etc/systemd/system/${OWN}`,
        needsReload: false,
      });
      await host.start(OWN, steady, signal);
      const up = await stateOf(stage);
      like(up, { active: "active", sub: "running", outdated: false, restarts: 0 });
      assert(up.mainPid !== null && up.since !== null && up.uptimeMs !== null);
      await host.stop(OWN, signal);
      like(await stateOf(stage), { active: "inactive", mainPid: null, since: null });
      await host.disable(OWN, signal);
      assert.equal((await stateOf(stage)).enablement, "disabled");
      await host.removeUnitFile(OWN, "unit", signal);
      await host.reload(OWN, signal);
      like(await stateOf(stage), { load: "not-found", enablement: "", fragment: null });
      assert.deepEqual(host.unitFile(OWN, "unit"), { type: "absent", leftover: false });
    },
  },
  {
    name: "tells that a changed file is unread until it is reloaded, and what runs outdated until it is restarted",
    async run(stage) {
      const { host } = stage;
      await stage.put(OWN, { file: TEXT, active: "active" });
      const before = await stateOf(stage);
      await host.writeUnitFile(OWN, "unit", OTHER_TEXT, signal);
      like(await stateOf(stage), { needsReload: true, outdated: true, active: "active" });
      await host.reload(OWN, signal);
      like(await stateOf(stage), { needsReload: false, outdated: true });
      await host.restart(OWN, steady, signal);
      like(await stateOf(stage), { needsReload: false, outdated: false, active: "active" });
      assert(before.mainPid !== null);
    },
  },
  {
    name: "does the same for a drop-in of a unit of a package, and leaves that as it was",
    async run(stage) {
      const { host } = stage;
      await stage.put(OWN, { vendor: "installable", active: "active" });
      await host.writeUnitFile(OWN, "drop-in", SETTINGS, signal);
      assert.deepEqual(host.unitFile(OWN, "drop-in"), { type: "file", sha256: sha256(SETTINGS) });
      like(await stateOf(stage), { needsReload: true, outdated: true });
      await host.reload(OWN, signal);
      await host.restart(OWN, steady, signal);
      like(await stateOf(stage), { needsReload: false, outdated: false });
      await host.removeUnitFile(OWN, "drop-in", signal);
      like(await stateOf(stage), { needsReload: true, outdated: true });
      await host.reload(OWN, signal);
      await host.restart(OWN, steady, signal);
      like(await stateOf(stage), { needsReload: false, outdated: false });
      assert.equal((await stateOf(stage)).fragment, `/usr/lib/systemd/system/${OWN}`);
    },
  },
  {
    name: "has all unit files read once for all units that wish it together, and not at all where none needs it",
    async run(stage) {
      const { host } = stage;
      const began = await stage.reloads();
      const made = [OWN, SECOND].map(async (unit) => {
        await host.writeUnitFile(unit, "unit", TEXT, signal);
        await host.enable(unit, signal);
      });
      await Promise.all(made);
      await Promise.all([OWN, SECOND].map((unit) => host.reload(unit, signal)));
      assert.equal((await stage.reloads()) - began, 1);
      await Promise.all([OWN, SECOND].map((unit) => host.enable(unit, signal)));
      await Promise.all([OWN, SECOND].map((unit) => host.reload(unit, signal)));
      assert.equal((await stage.reloads()) - began, 1);
    },
  },
  {
    name: "refuses what the supervisor does not understand, in a unit and in a drop-in, and writes nothing",
    async run(stage) {
      const { host } = stage;
      await refused("Invalid", host.writeUnitFile(OWN, "unit", "[Nonsense]\nA=1\n", signal));
      assert.deepEqual(host.unitFile(OWN, "unit"), { type: "absent", leftover: false });
      await stage.put(SECOND, { vendor: "installable" });
      await refused("Invalid", host.writeUnitFile(SECOND, "drop-in", "[Nonsense]\nA=1\n", signal));
      assert.deepEqual(host.unitFile(SECOND, "drop-in"), { type: "absent", leftover: false });
    },
  },
  {
    name: "refuses one of two that are written together, and writes the other",
    async run({ host }) {
      const [wrong, right] = await Promise.allSettled([
        host.writeUnitFile(OWN, "unit", "[Nonsense]\nA=1\n", signal),
        host.writeUnitFile(SECOND, "unit", TEXT, signal),
      ]);
      assert.equal(wrong.status, "rejected");
      assert.equal(right.status, "fulfilled");
      assert.equal(host.unitFile(SECOND, "unit").type, "file");
    },
  },
  {
    name: "starts nothing that is masked, and masks nothing that has a file in the way",
    async run(stage) {
      const { host } = stage;
      await stage.put(OWN, { vendor: "installable" });
      await host.mask(OWN, signal);
      await host.reload(OWN, signal);
      like(await stateOf(stage), { load: "masked", enablement: "masked" });
      assert.equal(host.unitFile(OWN, "unit").type, "foreign");
      await refused("Obstructed", host.start(OWN, steady, signal));
      await host.unmask(OWN, signal);
      await host.reload(OWN, signal);
      await host.start(OWN, steady, signal);
      like(await stateOf(stage), { load: "loaded", active: "active" });
      await stage.put(SECOND, { file: TEXT });
      await refused("Obstructed", host.mask(SECOND, signal));
    },
  },
  {
    name: "enables nothing that has no [Install] section",
    async run({ host, put }) {
      await put(OWN, { vendor: "static" });
      await refused("Invalid", host.enable(OWN, signal));
    },
  },
  {
    name: "does not write over what is no file",
    async run({ host, put }) {
      await put(OWN, { obstacle: "directory" });
      like(host.unitFile(OWN, "unit"), { type: "foreign", what: "directory" });
      await refused("Obstructed", host.writeUnitFile(OWN, "unit", TEXT, signal));
    },
  },
  {
    name: "says that a start has failed where the program ends again and again",
    async run(stage) {
      const { host } = stage;
      await stage.put(OWN, { file: TEXT.replace("/bin/other", "/bin/false\nRestart=always"), crashes: true });
      await refused("Failed", host.start(OWN, { steadyMs: 300 }, signal));
      await host.stop(OWN, signal);
      await host.resetFailed(OWN, signal);
      assert.equal((await stateOf(stage)).active, "inactive");
    },
  },
  {
    name: "tells who watches of a stop, of an edited file and of a change of enablement, until they have enough",
    async run(stage) {
      const { host } = stage;
      await stage.put(OWN, { file: TEXT, active: "active" });
      let told = 0;
      const stop = host.watch(OWN, () => (told += 1));
      await stateOf(stage);
      for (const change of [{ active: "inactive" }, { file: OTHER_TEXT }, { enabled: true }] as const) {
        await quiet(() => told);
        const before = told;
        await stage.put(OWN, change);
        await until(() => told > before);
        assert(told > before, `nothing was told of ${JSON.stringify(change)}`);
      }
      stop();
      await quiet(() => told);
      const before = told;
      await stage.put(OWN, { active: "active" });
      await stateOf(stage);
      assert.equal(told, before);
    },
  },
  {
    name: "tells how long a stop and a start took the last time, and nothing where there was none or it ended by itself",
    async run({ host, put }) {
      const times = async (unit = OWN): Promise<UnitTimes> => {
        const [told] = await host.lastTimes([unit], signal);
        assert(told !== undefined);
        return told;
      };
      assert.deepEqual(await times(), { stopMs: null, startMs: null });
      const slow = TEXT.replace("[Install]", "ExecStartPre=/bin/sleep 0.3\nExecStop=/bin/sleep 0.5\n\n[Install]");
      await put(OWN, { file: slow, stopsInMs: 500, startsInMs: 300 });
      await host.start(OWN, steady, signal);
      const { stopMs, startMs } = await times();
      assert.equal(stopMs, null);
      assert(startMs !== null && startMs >= 300 && startMs < 3000, `a start of ${startMs} ms`);
      await host.restart(OWN, steady, signal);
      const both = await times();
      assert(both.stopMs !== null && both.stopMs >= 500 && both.stopMs < 3000, `a stop of ${both.stopMs} ms`);
      assert(both.startMs !== null && both.startMs >= 300 && Number.isInteger(both.startMs), `${both.startMs} ms`);
      // Of two, in the order asked.
      const [nothing, own] = await host.lastTimes([SECOND, OWN], signal);
      assert.deepEqual(nothing, { stopMs: null, startMs: null });
      assert.deepEqual(own, both);
      // One that neither runs nor is enabled may be forgotten, and its times with it.
      await host.enable(OWN, signal);
      await host.reload(OWN, signal);
      await host.stop(OWN, signal);
      assert((await times()).stopMs !== null, "nothing is known of the stop");
    },
  },
  {
    name: "answers nobody whose time is over",
    async run({ host }) {
      const over = AbortSignal.abort();
      await refused("TimedOut", host.units([OWN], over));
      await refused("TimedOut", host.lastTimes([OWN], over));
      await refused("TimedOut", host.reload(OWN, over));
      await refused("TimedOut", host.start(OWN, steady, over));
      await refused("TimedOut", host.enable(OWN, over));
    },
  },
];

async function until(holds: () => boolean): Promise<void> {
  for (let waited = 0; !holds() && waited < 5000; waited += 5) await sleep(5);
}

/** Until nothing more is told of what was done before. */
async function quiet(told: () => number): Promise<void> {
  for (let before = -1; before !== told(); await sleep(30)) before = told();
}
