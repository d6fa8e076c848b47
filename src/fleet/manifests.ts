import { digestOf } from "../wire/digest.ts";
import { WireScore } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import { currentIn, type CurrentPayload } from "./desired.ts";
import type { FleetParts } from "./parts.ts";
import { revisionsBackwards } from "./revisions.ts";
import { safeParse } from "../wire/safe-parse.ts";

/** A manifest as it was shipped. Its signatures were not verified. */
export interface ShippedManifest extends CurrentPayload {
  readonly _tag: "Manifest";
  readonly revision: number;
  readonly storedAt: Date;
}

export type Stored =
  | ShippedManifest
  /** Somebody deleted the key, which removes nothing on the device. */
  | { readonly _tag: "Deleted"; readonly revision: number; readonly storedAt: Date }
  | { readonly _tag: "Unreadable"; readonly revision: number; readonly storedAt: Date; readonly message: string };

/** All that was ever put into an agent's key and is kept, the newest first. */
export async function* manifestsBackwards(
  { store }: FleetParts,
  agentId: AgentId,
  call: CallOptions,
): AsyncGenerator<Stored | Unreachable, void, void> {
  const newest = await store.get("desired-state", agentId, call);
  if (newest._tag === "Unreachable") return yield newest;
  if (newest._tag === "Absent") return;
  for await (const each of revisionsBackwards(store, agentId, newest.revision, call)) {
    if (each._tag === "Unreachable") return yield each;
    const { revision, storedAt, value } = each;
    if (value === null) {
      yield { _tag: "Deleted", revision, storedAt };
      continue;
    }
    const read = await currentIn(store, { _tag: "Value", value, revision }, call);
    if (read._tag === "Unreachable") return yield read;
    if (read._tag === "Current") yield { ...read, _tag: "Manifest", storedAt };
    else {
      const message = read._tag === "None" ? "it holds nothing" : read.message;
      yield { _tag: "Unreadable", revision, storedAt, message };
    }
  }
}

export type FoundManifest =
  | ShippedManifest
  /** `kept`: the generations that are, the oldest first. */
  | { readonly _tag: "NoSuchGeneration"; readonly kept: readonly number[] };

/** The one of these generations that was shipped last: two can have one number where the server was set up anew. */
export async function manifestsOf(
  parts: FleetParts,
  agentId: AgentId,
  generations: readonly number[],
  call: CallOptions,
): Promise<ReadonlyMap<number, FoundManifest> | Unreachable> {
  const found = new Map<number, ShippedManifest>();
  const kept: number[] = [];
  for await (const each of manifestsBackwards(parts, agentId, call)) {
    if (each._tag === "Unreachable") return each;
    if (each._tag !== "Manifest") continue;
    kept.unshift(each.generation);
    if (generations.includes(each.generation) && !found.has(each.generation)) found.set(each.generation, each);
    if (found.size === new Set(generations).size) break;
  }
  return new Map(
    generations.map((each) => [each, found.get(each) ?? ({ _tag: "NoSuchGeneration", kept } as const)] as const),
  );
}

/** By Score id: tells whether one changed. What is no Score is told by its text. */
export const digestsOf = ({ scores }: Pick<CurrentPayload, "scores">): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(scores).map(([id, each]) => {
      const read = safeParse(WireScore, each);
      if (!read.success) return [id, JSON.stringify(each)];
      const { after, restartOn, policies } = read.data;
      return [id, `${digestOf(read.data)} ${JSON.stringify([after, restartOn, policies])}`];
    }),
  );
