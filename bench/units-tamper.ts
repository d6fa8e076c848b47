// Tampers with what units-inside has put in place, and prints how long each repair took, one number a line.
//
//   units-tamper edit|stop|storm COUNT FILES
import { appendFileSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as z from "zod";
import { SystemBus } from "../src/agent/adapters/system-bus.ts";
import { contentOf, idOf } from "./content.ts";
import { LOST_MS, SETTLED_MS } from "./units-measured.ts";

const FILES = 1000;
const UNITS = 20;
const STORM_MS = 5;
const ROOT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const UNIT = "org.freedesktop.systemd1.Unit";

const [, , mode = "", count = "0", folder = ""] = process.argv;
const bus = new SystemBus({ destination: "org.freedesktop.systemd1", onSignal: () => {}, onConnected: () => {} });
const Count = z.union([z.number(), z.bigint()]).transform(Number);
const tell = (ms: number): void => void process.stdout.write(`${ms}\n`);

const property = (unit: string, name: string): Promise<unknown> =>
  bus.call({
    path: `${ROOT}/unit/${unit.replaceAll("-", "_2d").replaceAll(".", "_2e")}`,
    interface: "org.freedesktop.DBus.Properties",
    member: "Get",
    signature: "ss",
    body: [UNIT, name],
  });
const time = async (unit: string, name: string): Promise<number> => z.parse(Count, await property(unit, name)) / 1000;
const stop = (unit: string): Promise<unknown> =>
  bus.call({ path: ROOT, interface: MANAGER, member: "StopUnit", signature: "ss", body: [unit, "replace"] });
const isActive = async (unit: string): Promise<boolean> => (await property(unit, "ActiveState")) === "active";

function isAsDeclared(index: number): boolean {
  try {
    return readFileSync(join(folder, idOf(index)), "utf8") === contentOf(index);
  } catch {
    return false;
  }
}

/**
 * Looks whenever something happens in the folder. To look all the time would take a core from what is measured, which on a
 * machine of two is half of it.
 */
async function edit(index: number): Promise<number> {
  const began = performance.now();
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(late);
      watcher.close();
      resolve();
    };
    const watcher = watch(folder, () => {
      if (isAsDeclared(index)) end();
    });
    const late = setTimeout(end, LOST_MS);
    appendFileSync(join(folder, idOf(index)), "tampered");
  });
  return performance.now() - began;
}

async function stopped(unit: string): Promise<number> {
  const before = await time(unit, "ActiveEnterTimestampMonotonic");
  const began = performance.now();
  await stop(unit);
  while (performance.now() - began < LOST_MS) {
    const up = await time(unit, "ActiveEnterTimestampMonotonic");
    if (up > before) return up - (await time(unit, "InactiveEnterTimestampMonotonic"));
    await sleep(2);
  }
  return LOST_MS;
}

async function storm(tamperings: number): Promise<number> {
  for (let nth = 0; nth < tamperings; nth += 1) {
    if (nth % 2 === 0) appendFileSync(join(folder, idOf(0)), "tampered");
    else await stop("ours-0.service");
    await sleep(STORM_MS);
  }
  const ended = performance.now();
  while (performance.now() - ended < SETTLED_MS) {
    if (isAsDeclared(0) && (await isActive("ours-0.service"))) return performance.now() - ended;
    await sleep(10);
  }
  const service = (await isActive("ours-0.service")) ? "active" : "down";
  process.stderr.write(`the file is ${isAsDeclared(0) ? "" : "not "}as declared, and the service is ${service}\n`);
  return SETTLED_MS;
}

/** What is tampered with again and again is rested, and that is not what is measured here. */
async function allOver(tamperings: number): Promise<void> {
  for (let nth = 0; nth < tamperings; nth += 1) {
    tell(mode === "edit" ? await edit((nth * 7919) % FILES) : await stopped(`ours-${nth % UNITS}.service`));
    await sleep(mode === "edit" ? 20 + 40 * Math.random() : 120);
  }
}

if (mode === "storm") tell(await storm(Number(count)));
else await allOver(Number(count));
bus.close();
