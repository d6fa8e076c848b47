import type { AnyCapability } from "../src/capabilities/capability.ts";
import { PortError } from "../src/capabilities/port-error.ts";
import type { Call, Guard } from "./guard.ts";
import type { Actor, World } from "./world.ts";

/** How likely a call goes wrong: before its effect, after it, or so that it never ends. */
const FAILS = 0.02;
const LOSES_ANSWER = 0.02;
const HANGS = 0.005;
const BLIND = 0.003;
const HINT_LOST = 0.1;

/** Who is told of each call before it is made. */
export type Witness = Pick<Guard, "begins" | "asks" | "ends" | "looks">;

/** One port of a device as one process has it: each write comes about when the seed says so, or goes wrong. */
export function portOf<Port extends object>(
  { name, reads }: AnyCapability,
  port: Port,
  world: World,
  actor: Actor,
  guard: Witness,
): Port {
  const isRead = new Set<string>(reads);
  const watch = (target: string, changed: () => void, stopOf: (tell: () => void) => unknown): unknown =>
    stopOf(() => {
      if (!actor.alive || world.strikes(HINT_LOST)) return;
      world.post(actor, "message", `is hinted at ${target}`, changed);
    });

  const write = (method: string, given: readonly unknown[], effect: () => unknown): Promise<unknown> => {
    const target = String(given[0]);
    world.note(actor.name, `begins to ${method} ${target}`);
    const call = guard.begins({ method, target, text: textOf(method, given) });
    return settled(`${method} ${target}`, call, effect);
  };

  const settled = (what: string, call: Call, effect: () => unknown): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const fault = world.strikes(FAILS)
        ? "fails"
        : world.strikes(LOSES_ANSWER)
          ? "loses"
          : world.strikes(HANGS)
            ? "hangs"
            : null;
      const answer = (told: string, give: () => void): void => {
        world.post(actor, "work", told, () => {
          guard.ends(call);
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
            answer(`${what} is refused`, () => reject(error instanceof Error ? error : new Error(String(error)))),
        );
      };
      world.post(actor, "work", fault === null ? what : `${what}, which ${fault}`, comesAbout, true);
    });

  return new Proxy(port, {
    get: (target, key): unknown => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      const method = String(key);
      return (...given: readonly unknown[]): unknown => {
        const run = (): unknown => Reflect.apply(member, target, given);
        if (!isRead.has(method)) return write(method, given, run);
        const about = String(Array.isArray(given[0]) ? given[0][0] : given[0]);
        if (method === "watch") {
          const [path, changed] = given;
          if (typeof changed !== "function") throw new TypeError("a watch without a listener");
          return watch(
            String(path),
            () => void Reflect.apply(changed, undefined, []),
            (tell) => Reflect.apply(member, target, [path, tell]),
          );
        }
        guard.looks(about);
        if (method === "units") return settled(`looks at ${about}`, guard.asks(about), run);
        if (method === "inspect" && world.strikes(BLIND)) throw failure(name, `to look at ${about}`, "before");
        return run();
      };
    },
  });
}

const failure = (port: string, what: string, when: "before" | "after"): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: `${port}: ${what} was made to fail ${when} its effect`,
    next: "Nothing: the simulator did this.",
  });

function textOf(method: string, given: readonly unknown[]): string | null {
  if (method === "writeFile" && given[1] instanceof Uint8Array) return Buffer.from(given[1]).toString();
  return method === "writeUnitFile" ? String(given[2]) : null;
}
