import { assetEnvelope, inlineEnvelope } from "../src/wire/encode.ts";

import type { Process } from "./process.ts";
import type { Scene } from "./scene.ts";
import { tamper } from "./tamper.ts";
import { AGENT, payloadOf, type Wish } from "./wanted.ts";

/** What can go wrong. Each run has some of it. */
export const FAULTS = [
  "crash",
  "stop",
  "cut",
  "wipe",
  "rival",
  "tamper",
  "full disk",
  "lost ledger",
  "stale manifest",
  "bad manifest",
  "no supervisor",
  "plan",
  "contest",
  "clock",
] as const;
export type Fault = (typeof FAULTS)[number];

const YEAR_MS = 365 * 86_400_000;
/** As daylight saving time in a clock that is not UTC, NTP at boot, and an operator do it. */
const JUMPS_MS = [1_000, -1_000, 3_600_000, -3_600_000, 56 * YEAR_MS, -YEAR_MS, -20 * YEAR_MS];

/** It goes wrong now. */
export function strike(fault: Fault, scene: Scene): void {
  const { world } = scene;
  const { random } = world;
  const at = random.chance(0.6) || scene.starts[1] === 0 ? 0 : 1;
  const process = scene.processes[at];
  const device = scene.devices[at];
  switch (fault) {
    case "crash":
      scene.goes(at, () => process?.dies("dies"));
      break;
    case "stop":
      scene.goes(at, () => void process?.stop());
      break;
    case "cut":
      if (random.chance(0.3)) scene.serverGoes();
      else if (process?.line.isUp === true) {
        world.note(process.name, "is cut off");
        process.line.cut();
        scene.later(30_000, "a line is mended", () => scene.isServerUp && process.line.mend());
      }
      break;
    case "wipe":
      world.note("server", "loses all it knows");
      for (const bucket of scene.server.buckets?.values() ?? []) {
        bucket.entries.clear();
        bucket.revision = 0;
      }
      break;
    case "rival":
      if (scene.processes[1]?.alive !== true) scene.start(1);
      break;
    case "tamper": {
      const did = tamper(device, scene.author, world);
      if (did !== null) world.note("somebody", `${did} on ${device.name}`);
      break;
    }
    case "full disk":
      if (device.files.isFull) break;
      world.note(device.name, "has a full disk");
      device.files.isFull = true;
      scene.later(20_000, "the disk has room again", () => (device.files.isFull = false));
      break;
    case "lost ledger":
      scene.goes(at, () => {
        process?.dies("dies, and its ledger is lost");
        device.files.lose();
      });
      break;
    case "stale manifest":
      scene.put(random.pick(scene.sent) ?? Buffer.from("{}"), "an older manifest comes again");
      break;
    case "bad manifest":
      putBad(scene);
      break;
    case "no supervisor":
      device.noSupervisor = device.noSupervisor === null ? "no bus" : null;
      world.note(device.name, device.noSupervisor === null ? "has its supervisor again" : "has no supervisor");
      break;
    case "plan":
      ask(process, scene);
      break;
    case "contest": {
      const path = random.pick(scene.author.paths);
      if (path === undefined || !device.isFile(path)) break;
      world.note("somebody", `writes to ${path} on ${device.name}, and will again`);
      device.contested.add(`path:${path}`);
      device.fs.put(path, { type: "file", text: "undone" });
      break;
    }
    case "clock": {
      const by = random.pick(JUMPS_MS) ?? 0;
      world.note("outside", `the wall clock jumps by ${by / 1000} s`);
      world.clock.setWallTime(new Date(world.clock.now().getTime() + by));
      break;
    }
  }
}

/** A manifest that nobody may take: of the highest number, but broken, for somebody else, or the key is removed. */
function putBad(scene: Scene): void {
  const { random } = scene.world;
  const wish: Wish = { generation: scene.author.generation, scores: new Map() };
  const put = (payload: string, what: string): void => scene.put(inlineEnvelope(payload, []), what);
  switch (random.below(5)) {
    case 0:
      scene.world.note("operator", "removes the key");
      scene.server.write("desired-state", AGENT, undefined, undefined);
      break;
    case 1:
      scene.put(Buffer.from('{"wire":1,"payload":'), "a broken envelope is put");
      break;
    case 2:
      put(payloadOf({ ...wish, generation: 999 }, "pi-8"), "another agent's manifest is put");
      break;
    case 3:
      scene.put(assetEnvelope("0".repeat(64), []), "an envelope without its payload is put");
      break;
    default: {
      // Whoever has not read that generation before takes it.
      const payload = payloadOf(wish);
      scene.wishes.set(payload, wish);
      put(payload, `generation ${wish.generation} is put again, with nothing in it`);
    }
  }
}

function ask(process: Process | null, scene: Scene): void {
  if (process?.alive !== true) return;
  const envelope = scene.world.random.pick(scene.sent);
  for (const handler of process.line.handlers.values()) {
    scene.world.note("operator", "asks for a plan");
    if (envelope !== undefined) void handler(envelope);
  }
}
