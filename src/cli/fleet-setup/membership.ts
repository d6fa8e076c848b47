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

/** Lets a device in under its id. `replace`: also where another key has that id; that key is thrown out. */
export function accept(fleet: FleetDescription, { id, key }: Enrolment, replace: boolean, now: Date): Membership {
  const known = fleet.agents[id];
  if (known?.key === key) return { _tag: "Unchanged" };
  if (known !== undefined && !replace) {
    return unusable(
      `another device is ${id} already, accepted at ${known.acceptedAt}`,
      "If this one takes its place, or has a new key, say --replace: the former key is thrown out.",
    );
  }
  const [holder] =
    Object.entries(fleet.agents).find(([, each]) => each.key === key) ??
    Object.entries(fleet.keys).find(([, each]) => each === key) ??
    [];
  if (holder !== undefined) {
    return unusable(
      `this key is that of ${holder}`,
      "Each device makes a key of its own: run harmony agent enroll on it.",
    );
  }
  const agents = { ...fleet.agents, [id]: { key, acceptedAt: now.toISOString() } };
  return { _tag: "Changed", fleet: { ...fleet, agents }, out: known?.key };
}

export function revoke(fleet: FleetDescription, id: AgentId): Membership {
  const { [id]: known, ...agents } = fleet.agents;
  return known === undefined ? { _tag: "Unchanged" } : { _tag: "Changed", fleet: { ...fleet, agents }, out: known.key };
}
