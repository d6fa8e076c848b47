import type { Enrolment } from "../../wire/enrolment.ts";
import type { AgentId } from "../../wire/keys.ts";
import type { UserKey } from "../../wire/nats/nkey.ts";
import type { FleetDescription } from "./description.ts";
import { unusable, type Unusable } from "./fleet-directory.ts";

export interface Changed {
  readonly _tag: "Changed";
  readonly fleet: FleetDescription;
  /** The key that was in use before. */
  readonly out: UserKey | undefined;
}
export type Membership = Changed | { readonly _tag: "Unchanged" } | Unusable;

export interface How {
  /** Also where another key has that id; that key is thrown out. */
  readonly replace: boolean;
  /** The pair that it is a member of; undefined: none. */
  readonly pair: AgentId | undefined;
  readonly now: Date;
}

/** Lets a device in under its id. */
export function accept(
  fleet: FleetDescription,
  { id, key, sealingKey }: Enrolment,
  { replace, pair, now }: How,
): Membership {
  const known = fleet.agents[id];
  // A code of before the device had shown it leaves what is known of it.
  const sealing = sealingKey ?? (known?.key === key ? known.sealingKey : undefined);
  if (known?.key === key && known.pair === pair && known.sealingKey === sealing) return { _tag: "Unchanged" };
  if (known !== undefined && known.key !== key && !replace) {
    return unusable(
      `another device is ${id} already, accepted at ${known.acceptedAt}`,
      "If this one takes its place, or has a new key, say --replace: the former key is thrown out.",
    );
  }
  const taken = holderOf(fleet, id, key) ?? (pair === undefined ? null : whoIs(fleet, id, pair));
  if (taken !== null) return taken;
  const agents = {
    ...fleet.agents,
    [id]: {
      key,
      acceptedAt: now.toISOString(),
      ...(pair === undefined ? {} : { pair }),
      ...(sealing === undefined ? {} : { sealingKey: sealing }),
    },
  };
  const out = known === undefined || known.key === key ? undefined : known.key;
  return { _tag: "Changed", fleet: { ...fleet, agents }, out };
}

function holderOf(fleet: FleetDescription, id: AgentId, key: UserKey): Unusable | null {
  const keys = [...Object.entries(fleet.agents).map(([who, each]) => [who, each.key]), ...Object.entries(fleet.keys)];
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
  return known === undefined ? { _tag: "Unchanged" } : { _tag: "Changed", fleet: { ...fleet, agents }, out: known.key };
}
