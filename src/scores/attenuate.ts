import type { AnyCapability } from "../capabilities/capability.ts";

/** The ports of one place by capability name, as an agent or a fake provides them. */
export type PortTable = Readonly<Record<string, object>>;

/** What a Score is handed of a {@link PortTable}. */
export interface Attenuated {
  /** The ports it requires, with the methods alone that change nothing. */
  readonly reads: PortTable;
  /** The ports it requires, whole. */
  readonly full: PortTable;
}

/** All Scores of a kind share one list of requirements, so views are made once a kind and not once a Score and pass. */
const made = new WeakMap<PortTable, WeakMap<readonly AnyCapability[], Attenuated>>();

/** Exactly the ports that are required, and nothing else of the place. */
export function attenuate(requires: readonly AnyCapability[], ports: PortTable): Attenuated {
  let byRequirement = made.get(ports);
  if (byRequirement === undefined) made.set(ports, (byRequirement = new WeakMap()));
  let views = byRequirement.get(requires);
  if (views === undefined) byRequirement.set(requires, (views = viewsOf(requires, ports)));
  return views;
}

function viewsOf(requires: readonly AnyCapability[], ports: PortTable): Attenuated {
  const reads: Record<string, object> = {};
  const full: Record<string, object> = {};
  for (const { name, reads: methods } of requires) {
    const port = ports[name];
    if (port === undefined) throw new Error(`no adapter provides ${name}`);
    full[name] = port;
    reads[name] = Object.freeze(Object.fromEntries(methods.map((method) => [method, boundTo(port, method)])));
  }
  return { reads: Object.freeze(reads), full: Object.freeze(full) };
}

/** As `port[method]`, at each call: an adapter, or a test, may put another function there. */
function boundTo(port: object, method: string): (...given: unknown[]) => unknown {
  return (...given) => {
    const call: unknown = Reflect.get(port, method);
    if (typeof call !== "function") throw new Error(`the adapter has no method ${method}`);
    const answer: unknown = Reflect.apply(call, port, given);
    return answer;
  };
}
