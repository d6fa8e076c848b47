import { AgentId } from "../../wire/keys.ts";
import { GUESTS } from "../../wire/nats/grants.ts";
import type { UserKey } from "../../wire/nats/nkey.ts";
import type { RenewalRefusal } from "../../wire/renewal.ts";
import type { FleetDescription, Member } from "./description.ts";
import { endOf } from "./key-life.ts";
import { holderOf, type User } from "./membership.ts";
import { ACCOUNTS, EDGE } from "./server-config.ts";

/** How the description of a fleet changes as keys are renewed and end. Pure. */

export type Renewed =
  | { readonly _tag: "Changed"; readonly fleet: FleetDescription; readonly out: readonly User[] }
  | { readonly _tag: "Unchanged" }
  | RenewalRefusal;

const refused = (reason: RenewalRefusal["reason"], message: string): RenewalRefusal => ({
  _tag: "Refused",
  reason,
  message,
});

const changed = (fleet: FleetDescription, id: AgentId, member: Member, out: readonly UserKey[]): Renewed => ({
  _tag: "Changed",
  fleet: { ...fleet, agents: { ...fleet.agents, [id]: member } },
  out: out.map((key) => ({ account: EDGE, key })),
});

/** Lets `to` in beside `from`, which is the agent's present key. */
export function renew(
  fleet: FleetDescription,
  id: AgentId,
  { from, to }: { readonly from: UserKey; readonly to: UserKey },
  now: Date,
): Renewed {
  const member = fleet.agents[id];
  if (member === undefined || member.key !== from || member.ended) {
    return refused("NotIn", `that is not the key of ${id}, or it has ended`);
  }
  const { lifeSeconds, next } = member;
  if (lifeSeconds === undefined) return refused("NoEnd", `the key of ${id} has no end, so there is nothing to renew`);
  if (next?.key === to) return { _tag: "Unchanged" };
  // Each of them has the server read its configuration anew: nobody may ask for that as often as they like.
  const sinceMs = now.getTime() - Date.parse(member.since ?? member.acceptedAt);
  const lifeMs = lifeSeconds * 1000;
  const nextMs = next === undefined ? Number.POSITIVE_INFINITY : now.getTime() - Date.parse(next.askedAt);
  if (sinceMs < lifeMs / 2) return refused("TooEarly", "less than half of the present key's life is over");
  if (nextMs < lifeMs / 20) return refused("TooEarly", "another key was let in just now");
  const taken = to === from ? "the agent itself" : holderOf(fleet, id, to)?.message;
  if (taken !== undefined) return refused("Taken", `the new key is that of somebody already: ${taken}`);
  const waiting = { key: to, askedAt: now.toISOString() };
  return changed(fleet, id, { ...member, next: waiting }, next === undefined ? [] : [next.key]);
}

/** The next key takes the place of the present one, which ends. */
export function confirm(fleet: FleetDescription, id: AgentId, key: UserKey): Renewed {
  const member = fleet.agents[id];
  if (member?.key === key && !member.ended) return { _tag: "Unchanged" };
  if (member?.next?.key !== key) return refused("NotIn", `that is not the next key of ${id}`);
  return changed(fleet, id, advanced(member), [member.key]);
}

function advanced({ next, ended: _, ...member }: Member): Member {
  if (next === undefined) return member;
  const { key, askedAt } = next;
  const { lifeSeconds } = member;
  return {
    ...member,
    key,
    since: askedAt,
    ...(lifeSeconds === undefined ? {} : { notAfter: endOf(askedAt, lifeSeconds) }),
  };
}

export interface Ended {
  readonly fleet: FleetDescription;
  /** Whose keys have ended, as a sentence each. */
  readonly told: readonly string[];
  readonly out: readonly User[];
}

/**
 * Takes out whose end has passed; null where nobody's has. A next key that was never confirmed takes over then: it was asked
 * for with both keys, and the device may have been cut off in between.
 */
export function endKeys(fleet: FleetDescription, now: Date): Ended | null {
  const isOver = (at: string | undefined): boolean => at !== undefined && Date.parse(at) <= now.getTime();
  const told: string[] = [];
  const out: User[] = [];
  const agents = { ...fleet.agents };
  for (const [id, member] of Object.entries(agents)) {
    if (!isOver(member.notAfter) || (member.ended && member.next === undefined)) continue;
    const taking = advanced(member);
    const isTaken = member.next !== undefined && !isOver(taking.notAfter);
    agents[AgentId.parse(id)] = isTaken ? taking : without(taking);
    out.push({ account: EDGE, key: member.key });
    told.push(
      isTaken
        ? `The former key of ${id} has ended; the next one, which it had asked for, takes its place.`
        : `The key of ${id} has ended, and it is let in no more: harmony agent enroll there, then harmony fleet accept CODE --replace.`,
    );
  }
  const people = { ...fleet.people };
  for (const guest of GUESTS) {
    const person = people[guest];
    if (person === undefined) continue;
    const { former, ...rest } = person;
    if (isOver(former?.notAfter) && former !== undefined) {
      out.push({ account: ACCOUNTS[guest], key: former.key });
      told.push(`The former key of ${guest} has ended.`);
      people[guest] = rest;
    }
    if (isOver(person.notAfter) && !person.ended) {
      out.push({ account: ACCOUNTS[guest], key: fleet.keys[guest] });
      told.push(`The key of ${guest} has ended, and it is let in no more: harmony fleet rekey ${guest} makes another.`);
      people[guest] = { ...people[guest], ended: true };
    }
  }
  return told.length === 0 ? null : { fleet: { ...fleet, agents, ...(fleet.people && { people }) }, told, out };
}

const without = (member: Member): Member => ({ ...member, ended: true });

/** When the next key ends, as milliseconds since 1970; infinite where none does. */
export function nextEnd(fleet: FleetDescription): number {
  const agents = Object.values(fleet.agents).map(({ notAfter, ended }) => (ended ? undefined : notAfter));
  const people = Object.values(fleet.people ?? {}).flatMap(({ notAfter, ended, former }) => [
    ended ? undefined : notAfter,
    former?.notAfter,
  ]);
  return Math.min(
    ...[...agents, ...people].map((at) => (at === undefined ? Number.POSITIVE_INFINITY : Date.parse(at))),
  );
}
