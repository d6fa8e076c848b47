import type { AnyCapability } from "../src/capabilities/capability.ts";
import { PortError } from "../src/capabilities/port-error.ts";
import type { Device } from "./device.ts";
import type { Call } from "./step-guard.ts";
import type { Guard } from "./guard.ts";
import { isRefused } from "./wanted.ts";
import type { Actor, World } from "./world.ts";

/** How likely a call goes wrong: before its effect, after it, or so that it never ends. */
const FAILS = 0.02;
const LOSES_ANSWER = 0.02;
const HANGS = 0.005;
const BLIND = 0.003;
const HINT_LOST = 0.1;

/** What the names are of that a capability is asked about. */
const ABOUT: Readonly<Record<string, string>> = {
  FileSystemHost: "path",
  SystemdHost: "unit",
  PackageManager: "package",
  PacketFilter: "firewall",
};
/** Calls that only look, and give their answer at once. */
const AT_ONCE = new Set([
  "FileSystemHost inspect",
  "FileSystemHost sharedText",
  "SystemdHost unitFile",
  "SystemdHost credentials",
  "SystemdHost controllers",
  "PackageManager inspect",
]);
/** By what a kind does not decide whether the thing is there. */
const PARTIAL = new Set(["units", "lastTimes", "credentials", "controllers", "sharedText"]);
/** What changes the thing itself, and what starts it. */
const WRITES = new Set(["writeFile", "setAttributes", "writeUnitFile", "install", "replace"]);
const STARTS = new Set(["start", "restart"]);

/** Who is told of each call before it is made. */
export type Witness = Pick<Guard, "begins" | "asks" | "ends" | "looks">;

export interface Around {
  readonly world: World;
  readonly actor: Actor;
  readonly guard: Witness;
  readonly device: Device;
}

/** One port of a device as one process has it: each write comes about when the seed says so, or goes wrong. */
export function portOf<Port extends object>({ name, reads }: AnyCapability, port: Port, around: Around): Port {
  const { world, actor, guard, device } = around;
  const isRead = new Set<string>(reads);
  const identityOf = (target: string): string => `${ABOUT[name] ?? name}:${target}`;

  const write = (method: string, given: readonly unknown[], effect: () => unknown): Promise<unknown> => {
    const target = String(given[0]);
    const identity = identityOf(target);
    const text = writtenBy(method, given);
    world.note(actor.name, `begins to ${method} ${target}`);
    const call = guard.begins({ method, target, identity, text });
    return settled(`${method} ${target}`, call, async () => {
      if (isRefused(text)) throw refused(target);
      const done = await effect();
      if (WRITES.has(method)) device.wrote(identity, text);
      if (STARTS.has(method)) device.restarts.started(target);
      return done;
    });
  };

  const settled = (what: string, call: Call, effect: () => unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fault = faultOf(world, name);
      const answer = (told: string, give: () => void, isForGood = false): void => {
        world.post(actor, "work", told, () => {
          guard.ends(call, isForGood);
          give();
        });
      };
      const comesAbout = (): void => {
        if (fault === "hangs") return;
        if (fault === "fails") {
          answer(`${what} has failed`, () => reject(failure(name, what, "before")));
          return;
        }
        void Promise.resolve(effect()).then(
          (value) =>
            fault === "loses"
              ? answer(`${what} seems to have failed`, () => reject(failure(name, what, "after")))
              : answer(`${what} is done`, () => resolve(value)),
          (error: unknown) =>
            answer(
              `${what} is refused`,
              () => reject(error instanceof Error ? error : new Error(String(error))),
              error instanceof PortError && error.problem.retryable === false,
            ),
        );
      };
      world.post(actor, "work", fault === null ? what : `${what}, which ${fault}`, comesAbout, true);
    });

  const read = (method: string, given: readonly unknown[], run: () => unknown): unknown => {
    const target = String(Array.isArray(given[0]) ? given[0][0] : given[0]);
    const identity = identityOf(target);
    const looks = (): unknown => {
      guard.looks(identity, !PARTIAL.has(method));
      return run();
    };
    if (!AT_ONCE.has(`${name} ${method}`)) {
      guard.looks(identity, false);
      return settled(`looks at ${target}`, guard.asks(identity), looks);
    }
    if (/^(inspect|sharedText)$/.test(method) && world.strikes(BLIND)) {
      guard.looks(identity, false);
      throw failure(name, `to look at ${target}`, "before");
    }
    return looks();
  };

  const watch = (given: readonly unknown[], run: (given: readonly unknown[]) => unknown): unknown => {
    const changed = given.at(-1);
    if (typeof changed !== "function") throw new TypeError("a watch without a listener");
    const target = given.length > 1 ? String(given[0]) : name;
    const tell = (): void => {
      if (!actor.alive || world.strikes(HINT_LOST)) return;
      world.post(actor, "message", `is hinted at ${target}`, () => void Reflect.apply(changed, undefined, []));
    };
    return run([...given.slice(0, -1), tell]);
  };

  return new Proxy(port, {
    get: (target, key): unknown => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      const method = String(key);
      return (...given: readonly unknown[]): unknown => {
        const run = (now: readonly unknown[] = given): unknown => Reflect.apply(member, target, now);
        if (method === "watch") return watch(given, run);
        return isRead.has(method) ? read(method, given, run) : write(method, given, run);
      };
    },
  });
}

function faultOf(world: World, port: string): "fails" | "loses" | "hangs" | null {
  if (world.strikes(FAILS)) return "fails";
  if (world.strikes(LOSES_ANSWER)) return "loses";
  // What installs packages may take a quarter of an hour, which is longer than anybody here waits for anything.
  return world.strikes(HANGS) && port !== "PackageManager" ? "hangs" : null;
}

const failure = (port: string, what: string, when: "before" | "after"): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: `${port}: ${what} was made to fail ${when} its effect`,
    next: "Nothing: the simulator did this.",
  });

const refused = (target: string): PortError =>
  new PortError({
    code: "Invalid",
    blame: "author",
    message: `${target} can never have this content`,
    next: "Nothing: the simulator did this.",
    retryable: false,
  });

/** What a call would write; null where that is nothing that changes from manifest to manifest. */
function writtenBy(method: string, given: readonly unknown[]): string | null {
  const [, second, third] = given;
  if (method === "writeFile" && second instanceof Uint8Array) return Buffer.from(second).toString();
  if (method === "writeUnitFile") return String(third);
  if (method === "replace") return JSON.stringify(second);
  if (method !== "install" || !Array.isArray(second)) return null;
  const condition: unknown = second[0];
  return typeof condition === "object" && condition !== null && "version" in condition
    ? String(condition.version)
    : null;
}
