// Runs as root in a machine that is thrown away: it puts files and services in place by the agent's own parts, and by
// careful.sh, and tampers with them. Prints what it measured as one line of JSON.
//
//   units-inside DISK CAREFUL TAMPER
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { DbusSystemdHost } from "../src/agent/adapters/dbus-systemd-host.ts";
import { FileScore, KINDS, SystemdServiceScore } from "../src/scores/index.ts";
import { PiTopology } from "../src/topology/pi.ts";
import { decodeScore, type DecodedManifest } from "../src/wire/decode.ts";
import { encodeScore } from "../src/wire/encode.ts";
import { contentOf, idOf } from "./content.ts";
import { converge, type Device, deviceAt } from "./device.ts";
import type { Measured } from "./units-measured.ts";

const FILES = 1000;
const UNITS = 20;
const COLD_ROUNDS = 5;
const PASS_ROUNDS = 20;
const REPAIRS = 100;
const TAMPERINGS = 1000;

const [, , disk = "", careful = "", tamper = ""] = process.argv;
const ETC = "/etc/systemd/system";
const indexes = (count: number): readonly number[] => Array.from({ length: count }, (_, index) => index);
const unitName = (who: string, index: number): string => `${who}-${index}`;
const say = (sentence: string): void => void process.stderr.write(`${sentence}\n`);

function manifest(files: string, generation: number, version: number): DecodedManifest {
  const gate = { kinds: KINDS, topology: PiTopology };
  const scores = [
    ...indexes(FILES).map((index) => {
      const score = new FileScore({
        path: `${files}/${idOf(index)}`,
        content: contentOf(index, version),
        mode: "0644",
      });
      return [idOf(index), score] as const;
    }),
    ...indexes(UNITS).map((index) => {
      const name = unitName("ours", index);
      return [name, new SystemdServiceScore({ name, exec: ["/usr/bin/sleep", "infinity"] })] as const;
    }),
  ];
  return {
    generation,
    issuedAt: new Date().toISOString(),
    signedBy: [],
    rollbackOnFailure: null,
    retryFailed: false,
    scores: new Map(scores.map(([id, score]) => [id, decodeScore(encodeScore(score), gate)])),
  };
}

/** The same, as careful.sh takes it. */
function writeSource(source: string): void {
  mkdirSync(join(source, "files"), { recursive: true });
  mkdirSync(join(source, "units"), { recursive: true });
  for (const index of indexes(FILES)) writeFileSync(join(source, "files", idOf(index)), contentOf(index));
  for (const index of indexes(UNITS)) {
    const name = unitName("careful", index);
    const text = `[Unit]\nDescription=${name}\n\n[Service]\nType=exec\nExecStart="/usr/bin/sleep" "infinity"\nRestart=always\nRestartSec=1s\n\n[Install]\nWantedBy=multi-user.target\n`;
    writeFileSync(join(source, "units", `${name}.service`), text);
  }
}

/** As before either of them came. */
function clear(who: string, files: string): void {
  const units = indexes(UNITS).map((index) => `${unitName(who, index)}.service`);
  try {
    execFileSync("systemctl", ["disable", "--now", "--quiet", ...units], { stdio: "ignore" });
  } catch {
    // They are not there yet.
  }
  for (const unit of units) rmSync(join(ETC, unit), { force: true });
  rmSync("/run/harmony-edge/units", { recursive: true, force: true });
  execFileSync("systemctl", ["daemon-reload"]);
  rmSync(files, { recursive: true, force: true });
  mkdirSync(files);
  execFileSync("sync");
}

const theirFiles = join(disk, "careful");
const ourFiles = join(disk, "ours");
const source = join(disk, "source");

async function open(nth: number): Promise<{ readonly device: Device; readonly close: () => Promise<void> }> {
  const closing: (() => Promise<void> | void)[] = [];
  const state = join(disk, `state-${nth}`);
  mkdirSync(state);
  const device = await deviceAt(
    "/",
    { atEnd: (end) => void closing.push(end) },
    {
      state,
      ports(files) {
        const host = new DbusSystemdHost({ files });
        closing.push(() => host.close());
        return { SystemdHost: host };
      },
    },
  );
  return {
    device,
    async close() {
      for (const each of closing.toReversed()) await each();
    },
  };
}

const timed = async (work: () => Promise<void> | void): Promise<number> => {
  const began = performance.now();
  await work();
  return performance.now() - began;
};
const runCareful = (): void => void execFileSync("bash", [careful, source, theirFiles], { stdio: "inherit" });

/** Has another process tamper, so that what is measured is not held up by the measuring. */
async function tampering(mode: string, count: number): Promise<readonly number[]> {
  const child = spawn(process.execPath, [tamper, mode, String(count), ourFiles], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const values: number[] = [];
  for await (const line of createInterface(child.stdout)) values.push(Number(line));
  return values;
}

writeSource(source);
mkdirSync(ourFiles);
mkdirSync(theirFiles);
const cold: { ours: number[]; careful: number[] } = { ours: [], careful: [] };
let last: Awaited<ReturnType<typeof open>> | undefined;
for (let round = 0; round < COLD_ROUNDS; round += 1) {
  say(`cold, ${round + 1} of ${COLD_ROUNDS}`);
  clear("ours", ourFiles);
  clear("careful", theirFiles);
  await last?.close();
  last = await open(round);
  const { device } = last;
  const wanted = manifest(ourFiles, 1, 0);
  const ours = async (): Promise<void> => void cold.ours.push(await timed(() => converge(device, wanted)));
  const theirs = async (): Promise<void> => void cold.careful.push(await timed(runCareful));
  for (const each of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await each();
}
if (last === undefined) throw new Error("there was no round");
const { reconciler } = last.device;

say("converged passes");
const pass: { ours: number[]; careful: number[] } = { ours: [], careful: [] };
await sleep(500);
for (let round = -3; round < PASS_ROUNDS; round += 1) {
  const ours = await timed(async () => {
    reconciler.lookAtAll();
    await reconciler.idle();
  });
  const theirs = await timed(runCareful);
  if (round < 0) continue;
  pass.ours.push(ours);
  pass.careful.push(theirs);
}

say(`${REPAIRS} files edited`);
const edited = await tampering("edit", REPAIRS);
say(`${REPAIRS} services stopped`);
const stopped = await tampering("stop", REPAIRS);
say(`${TAMPERINGS} tamperings with one file and one service in turn`);
const [settledMs = Number.NaN] = await tampering("storm", TAMPERINGS);
await last.close();
const measured: Measured = { cold, pass, edited, stopped, settledMs };
// What was tampered with rests on, for up to a minute; nobody waits for that.
process.stdout.write(`${JSON.stringify(measured)}\n`, () => process.exit());
