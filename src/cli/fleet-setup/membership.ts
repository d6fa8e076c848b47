import type { Enrolment } from "../../wire/enrolment.ts";
import type { AgentId } from "../../wire/keys.ts";
import type { UserKey } from "../../wire/nats/nkey.ts";
import type { FleetDescription, Member } from "./description.ts";
import { unusable, type Unusable } from "./fleet-directory.ts";
import { termFrom } from "./key-life.ts";
import { EDGE } from "./server-config.ts";

export interface Changed {
  readonly _tag: "Changed";
  readonly fleet: FleetDescription;
  /** Keys that are let in no more. */
  readonly out: readonly User[];
}
/** As the server knows a user. */
export interface User {
  readonly account: string;
  readonly key: UserKey;
}
export type Membership = Changed | { readonly _tag: "Unchanged" } | Unusable;

export interface How {
  /** Also where another key has that id; that key is thrown out. */
  readonly replace: boolean;
  /** The pair that it is a member of; undefined: none. */
  readonly pair: AgentId | undefined;
  /** Seconds that its key is good for; null: it has no end; undefined: as long as the fleet's keys are. */
  readonly lifeSeconds: number | null | undefined;
  readonly now: Date;
}

/** Lets a device in under its id. Of one that is in, its key begins a new life where that is another one, or over. */
export function accept(fleet: FleetDescription, { id, key, sealingKey }: Enrolment, how: How): Membership {
  const { replace, pair, now } = how;
  const known = fleet.agents[id];
  const life = how.lifeSeconds === undefined ? fleet.keyLifeSeconds : (how.lifeSeconds ?? undefined);
  // A code of before the device had shown it leaves what is known of it.
  const sealing = sealingKey ?? (known?.key === key ? known.sealingKey : undefined);
  const isAsItWas =
    known?.key === key && known.pair === pair && known.sealingKey === sealing && known.ended === undefined;
  if (isAsItWas && (how.lifeSeconds === undefined || known.lifeSeconds === life)) return { _tag: "Unchanged" };
  if (known !== undefined && known.key !== key && !replace) {
    return unusable(
      `another device is ${id} already, accepted at ${known.acceptedAt}`,
      "If this one takes its place, or has a new key, say --replace: the former key is thrown out.",
    );
  }
  const taken = holderOf(fleet, id, key) ?? (pair === undefined ? null : whoIs(fleet, id, pair));
  if (taken !== null) return taken;
  const member: Member = {
    key,
    acceptedAt: now.toISOString(),
    ...(pair === undefined ? {} : { pair }),
    ...(sealing === undefined ? {} : { sealingKey: sealing }),
    ...termFrom(now, life),
  };
  const out = known === undefined ? [] : keysOf(known).filter((each) => each.key !== key);
  return { _tag: "Changed", fleet: { ...fleet, agents: { ...fleet.agents, [id]: member } }, out };
}

/** All that a device is let in with. */
const keysOf = ({ key, next }: Member): readonly User[] =>
  [key, ...(next === undefined ? [] : [next.key])].map((each) => ({ account: EDGE, key: each }));

/** Whoever else has this key already. */
export function holderOf(fleet: FleetDescription, id: AgentId, key: UserKey): Unusable | null {
  const keys = [
    ...Object.entries(fleet.agents).flatMap(([who, each]) => keysOf(each).map((its) => [who, its.key] as const)),
    ...Object.entries(fleet.keys),
  ];
  const [holder] = keys.find(([who, each]) => who !== id && each === key) ?? [];
  if (holder !== undefined) {
    return unusable(
      `this key is that of ${holder}`,
      "Each device makes a key of its own: run harmony agent enroll on it.",
    );
  }
  return Object.values(fleet.agents).some(({ pair }) => pair === id)
    ? unusable(`${id} is the id of a pair`, "An agent needs an id of its own.")
    : null;
}

/** A pair has an id of its own, else one agent could take over another's manifest. */
const whoIs = (fleet: FleetDescription, id: AgentId, pair: AgentId): Unusable | null =>
  pair === id || fleet.agents[pair] !== undefined
    ? unusable(`${pair} is the id of an agent`, "A pair needs an id of its own, the same for both of its members.")
    : null;

export function revoke(fleet: FleetDescription, id: AgentId): Membership {
  const { [id]: known, ...agents } = fleet.agents;
  return known === undefined
    ? { _tag: "Unchanged" }
    : { _tag: "Changed", fleet: { ...fleet, agents }, out: keysOf(known) };
}
