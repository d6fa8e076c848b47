import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Random } from "../../simulator/random.ts";
import { DbusSystemdHost } from "../../src/agent/adapters/dbus-systemd-host.ts";
import { NetworkBus } from "../../src/agent/adapters/network-bus.ts";
import { NodeFileSystem } from "../../src/agent/adapters/node-file-system.ts";
import { ChangeTimes } from "../../src/agent/adapters/unit-memory.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { FakeBus } from "../fakes/bus.ts";
import { ODD_BODIES } from "../fakes/bus-bodies.ts";
import { BusScript, readScript } from "../fakes/bus-script.ts";
import { promise, type Target } from "../target.ts";
import * as z from "zod";

/** For all that is asked of the bus by one input. */
const PATIENCE_MS = 50;
const MEMBERS = [
  ...["Hello", "AddMatch", "Subscribe", "Get", "ListUnitsByNames", "GetUnitFileState", "StartUnit", "StopUnit"],
  ...["EnableUnitFiles", "DisableUnitFiles", "MaskUnitFiles", "Reload", "NameHasOwner"],
];
const ERRORS = [
  ...[
    "org.freedesktop.DBus.Error.Failed",
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.systemd1.NoSuchUnit",
  ],
  ...["org.freedesktop.systemd1.AlreadySubscribed", "org.freedesktop.DBus.Error.FileNotFound", "a.b", "__proto__"],
];

/** The system bus, and systemd and a manager of networks behind it. */
export async function open(): Promise<Target> {
  const root = mkdtempSync(join(tmpdir(), "harmony-fuzz-bus-"));
  const socket = join(root, "bus");
  const bus = await FakeBus.listen(socket, BusScript.parse({}));
  const files = new NodeFileSystem({ root });
  const ask = async (input: Uint8Array): Promise<void> => {
    bus.script = readScript(BusScript, input);
    const address = `unix:path=${socket}`;
    const host = new DbusSystemdHost({ files, address, changes: new ChangeTimes(join(root, "changes")) });
    const service = "org.freedesktop.NetworkManager";
    const network = new NetworkBus(service, { path: "/a", interface: "a.b" }, address);
    const ending = new AbortController();
    const { signal } = ending;
    const timer = setTimeout(() => ending.abort(), PATIENCE_MS);
    const unwatch = host.watch("web.service", () => {});
    await Promise.all([
      // Whoever asks for it takes any failure as its absence.
      host.version(signal).catch(() => {}),
      refusedWell(host.units(["web.service", "a.timer"], signal)),
      refusedWell(host.start("web.service", { steadyMs: 0 }, signal)),
      refusedWell(host.stop("web.service", signal)),
      refusedWell(host.enable("web.service", signal)),
      refusedWell(host.disable("a.timer", signal)),
      refusedWell(host.mask("b.service", signal)),
      refusedWell(host.reload("web.service", signal)),
      refusedWell(network.runs(signal)),
      refusedWell(network.get("/a", "a.b", "Version", z.string(), signal)),
    ]);
    clearTimeout(timer);
    unwatch();
    host.close();
    network.close();
    bus.hangUp();
    // What was thrown where nobody waits is thrown by then.
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resume) => setImmediate(resume));
  };
  return {
    seeds: SEEDS.map((seed) => Buffer.from(JSON.stringify(seed))),
    invent,
    run: ask,
    isRepeatable: false,
    close: () => {
      bus.close();
      files.close();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Whatever the bus says, what comes of it is an answer or an error that names what is wrong. */
async function refusedWell(asked: Promise<unknown>): Promise<void> {
  try {
    await asked;
  } catch (error) {
    const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
    promise(error instanceof PortError, `what the bus says wrong is refused as a PortError, and not by ${told}`);
  }
}

const SEEDS: readonly unknown[] = [
  {},
  { greeting: ["REJECTED EXTERNAL\r\n", "REJECTED\r\n", "REJECTED\r\n"] },
  { greeting: ["REJECTED DBUS_COOKIE_SHA1\r\n", "DATA\r\n"] },
  { greeting: ["no line"], cut: 1 },
  { flood: 4095 },
  { answers: { Hello: [{ as: "error", name: "org.freedesktop.DBus.Error.LimitsExceeded" }] } },
  { answers: { Hello: [{ as: "nothing" }] } },
  { answers: { Hello: [{ as: "close" }] } },
  { answers: { ListUnitsByNames: [{ as: "close" }], Get: [{ as: "flood" }] } },
  { answers: { StartUnit: [{ as: "value" }] }, signals: [{ after: 12, odd: 24 }] },
  { signals: [{ after: 3, interface: "org.freedesktop.DBus.Properties", member: "PropertiesChanged", odd: 21 }] },
  { edits: [{ at: 200, drop: 1, add: "\u00ff" }], piece: 1 },
  { cut: 700 },
  // An array of structs without members.
  { answers: { Get: [{ as: "value", signature: "ay", body: [[1, 2, 3, 4, 5, 6, 7, 8]], patch: ["ay", "ar"] }] } },
];

function invent(random: Random): Uint8Array {
  const odd = (): object => {
    const as = random.pick(["value", "value", "value", "error", "nothing", "close", "twice", "other", "flood"]);
    return { as, odd: random.below(ODD_BODIES.length), ...(as === "error" && { name: random.pick(ERRORS) }) };
  };
  const signal = (): object => {
    const after = 1 + random.below(30);
    const own = random.pick([
      { member: random.pick(["JobRemoved", "UnitFilesChanged", "Reloading", "X"]) },
      {
        interface: "org.freedesktop.DBus.Properties",
        member: "PropertiesChanged",
        path: "/org/freedesktop/systemd1/unit/web_2eservice",
      },
    ]);
    return { after, ...own, odd: random.below(ODD_BODIES.length) };
  };
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: random.below(most + 1) }, make);
  const byMember = some(3, () => [random.pick(MEMBERS), some(4, () => (random.chance(0.3) ? {} : odd()))] as const);
  const answers: unknown = Object.fromEntries(byMember);
  const script = {
    answers,
    signals: some(3, signal),
    edits: random.chance(0.2)
      ? some(3, () => ({ at: random.below(3000), drop: random.below(3), add: String.fromCharCode(random.below(256)) }))
      : [],
    ...(random.chance(0.1) && { piece: 1 + random.below(16) }),
    ...(random.chance(0.1) && { cut: 1 + random.below(4000) }),
  };
  return Buffer.from(JSON.stringify(script));
}
