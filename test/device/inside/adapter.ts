import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { setMaxListeners } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import type { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import type { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { systemClock } from "../../../src/agent/adapters/system-clock.ts";
import { SystemdOffering } from "../../../src/agent/adapters/systemd-offering.ts";
import type { UnitState } from "../../../src/capabilities/systemd-host.ts";
import { acting } from "../../../src/scores/acting.ts";
import { type ApplySurroundings, preview } from "../../../src/scores/interpret.ts";
import { SystemdServiceScore } from "../../../src/scores/systemd-service.ts";
import { callsDuring, countReloads } from "./listener.ts";

/** What is peculiar to the adapter, on a systemd that knows nothing of these units before. */

const ETC = "/etc/systemd/system";
const { signal } = new AbortController();
// Twenty calls at once listen to it.
setMaxListeners(0, signal);
export const TWENTY: readonly string[] = Array.from({ length: 20 }, (_, nth) => `n${nth}.service`);
const LOST_MS = 5000;

interface Place {
  readonly host: DbusSystemdHost;
  readonly files: NodeFileSystem;
}

interface Rule {
  readonly name: string;
  readonly run: (place: Place) => Promise<void>;
}

const systemctl = (...words: string[]): string => execFileSync("systemctl", words, { encoding: "utf8" });
const until = async (holds: () => boolean): Promise<void> => {
  for (let waited = 0; !holds(); waited += 5) {
    if (waited > LOST_MS) throw new Error("it did not come about");
    await sleep(5);
  }
};
async function stateOf({ host }: Place, unit: string): Promise<UnitState> {
  const [state] = await host.units([unit], signal);
  assert(state !== undefined);
  return state;
}

/** A unit as an administrator makes it: written, read and started. */
async function made(unit: string, service: string): Promise<void> {
  writeFileSync(`${ETC}/${unit}`, `[Service]\n${service}\n\n[Install]\nWantedBy=multi-user.target\n`);
  systemctl("daemon-reload");
  systemctl("enable", "--quiet", "--now", unit);
  // So that files are not too fresh to be believed.
  await sleep(60);
}

const around = (place: Place): ApplySurroundings => ({
  ports: { SystemdHost: place.host },
  clock: systemClock,
  log: () => {},
  stop: signal,
  superseded: () => false,
  claim: () => Promise.resolve(),
});

export const adapterRules: readonly Rule[] = [
  {
    name: "twenty units are put in place with one reload, and then looked at with one call",
    async run(place) {
      const { reloads, close } = await countReloads();
      const scores = TWENTY.map(
        (unit) =>
          new SystemdServiceScore({
            name: unit.slice(0, -".service".length),
            exec: ["/bin/other"],
            readyAfterSeconds: 0.05,
          }),
      );
      const steps = await Promise.all(scores.map((score) => preview(score, around(place))));
      // As the engine gathers them: each step of all, before the next one.
      assert(steps.every((each) => each._tag === "Planned" && each.steps.length === 4));
      for (const nth of [0, 1, 2, 3]) {
        await Promise.all(
          scores.map(async (score, at) => {
            const each = steps[at];
            assert(each?._tag === "Planned");
            const context = acting({ signal, clock: systemClock, log: () => {} });
            const step = z.parse(SystemdServiceScore.schema.step, each.steps[nth]);
            await score.bind().apply(step, { SystemdHost: place.host }, context);
          }),
        );
      }
      await sleep(50);
      assert.equal(reloads(), 1);
      const stops = TWENTY.map((unit) => place.host.watch(unit, () => {}));
      await sleep(100);
      const look = async (): Promise<void> => {
        const seen = await Promise.all(scores.map((score) => preview(score, around(place))));
        assert(seen.every((each) => each._tag === "Planned" && each.steps.length === 0));
      };
      await look();
      assert.deepEqual(await callsDuring(look), ["ListUnitsByNames"]);
      assert.equal(reloads(), 1);
      stops.forEach((stop) => stop());
      close();
    },
  },
  {
    name: "what somebody else started anew has its new process told",
    async run(place) {
      await made("n0.service", "ExecStart=/bin/other");
      let told = 0;
      const stop = place.host.watch("n0.service", () => (told += 1));
      await sleep(50);
      const { mainPid } = await stateOf(place, "n0.service");
      assert.deepEqual(await callsDuring(async () => void (await stateOf(place, "n0.service"))), ["ListUnitsByNames"]);
      const before = told;
      systemctl("restart", "n0.service");
      await until(() => told > before);
      await sleep(50);
      const after = await stateOf(place, "n0.service");
      assert.equal(after.active, "active");
      assert.notEqual(after.mainPid, mainPid);
      stop();
    },
  },
  {
    name: "a link that somebody takes away by hand is seen at the next look, though nothing is told of it",
    async run(place) {
      await made("n0.service", "ExecStart=/bin/other");
      const stop = place.host.watch("n0.service", () => {});
      await sleep(50);
      assert.equal((await stateOf(place, "n0.service")).enablement, "enabled");
      rmSync(`${ETC}/multi-user.target.wants/n0.service`);
      assert.equal((await stateOf(place, "n0.service")).enablement, "disabled");
      writeFileSync(`${ETC}/n0.service`, "[Service]\nExecStart=/bin/other\nNice=3\n");
      assert.equal((await stateOf(place, "n0.service")).needsReload, true);
      stop();
    },
  },
  {
    name: "a service that only says how far it has come has nobody told",
    async run(place) {
      const says = "/bin/sh -c 'while :; do systemd-notify --status=$(date +%%N); sleep 0.02; done'";
      await made(
        "n0.service",
        `Type=notify\nNotifyAccess=all\nExecStart=${says.replace("while", "systemd-notify --ready; while")}`,
      );
      let told = 0;
      const stop = place.host.watch("n0.service", () => (told += 1));
      await sleep(100);
      await stateOf(place, "n0.service");
      await sleep(50);
      await stateOf(place, "n0.service");
      const before = told;
      await sleep(300);
      assert.equal(told, before);
      systemctl("stop", "n0.service");
      await until(() => told > before);
      stop();
    },
  },
  {
    name: "once the bus is there again all who watch look again, and are told as before",
    async run(place) {
      await made("n0.service", "ExecStart=/bin/other");
      let told = 0;
      const stop = place.host.watch("n0.service", () => (told += 1));
      await sleep(50);
      await stateOf(place, "n0.service");
      const before = told;
      systemctl("kill", "--signal=KILL", "dbus.service");
      await until(() => told > before);
      const since = told;
      // systemctl speaks to systemd itself, without the bus.
      systemctl("stop", "n0.service");
      await until(() => told > since);
      assert.equal((await stateOf(place, "n0.service")).active, "inactive");
      await place.host.start("n0.service", { steadyMs: 0 }, signal);
      stop();
    },
  },
  {
    name: "a drop-in is refused for what it brings, and not for what the unit has against it",
    async run(place) {
      const settings = (text: string): Promise<void> => place.host.writeUnitFile("n0.service", "drop-in", text, signal);
      await made("n0.service", "ExecStart=/bin/other\nNonsense=1");
      await settings("[Service]\nNice=5\n");
      await assert.rejects(settings("[Service]\nNice=very\n"), /50-harmony.conf:2: .*very/);
      await assert.rejects(settings("[Service]\nExecStart=/bin/true\n"), /more than one ExecStart/);
      await settings("[Service]\nExecStart=\nExecStart=/bin/true\n");
    },
  },
  {
    name: "systemd is found, with its version and what it can limit",
    async run({ files }) {
      const offering = new SystemdOffering({ files });
      const found = await offering.detect(signal);
      offering.close();
      assert(found._tag === "Found");
      assert.match(String(found.facts["version"]), /^257/);
      const there = readFileSync("/sys/fs/cgroup/cgroup.controllers", "utf8").trim().split(" ");
      const limited = ["cpu", "memory", "pids"].filter((each) => there.includes(each));
      assert.deepEqual(found.facts["controllers"], limited);
      assert.equal(found.facts["verifies"], true);
    },
  },
];
