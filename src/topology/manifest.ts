import { isScore, type AnyScore } from "../scores/score.ts";
import type { FitsAll } from "./fits.ts";
import type { Topology } from "./topology.ts";

/** Order between the Scores of a manifest, by id. */
export interface Order<Id extends string = string> {
  /** A Score is interpreted only when those it comes after are Ready. */
  readonly after?: { readonly [Of in Id]?: readonly Other<Id, Of>[] };
  /**
   * What a Score runs is started anew when one of these has changed something, once that is Ready. Implies nothing about
   * order. Only for kinds that run something, such as `SystemdService`. To be started anew is no change of its own.
   */
  readonly restartOn?: { readonly [Of in Id]?: readonly Other<Id, Of>[] };
}
/** Any id but the one itself. Where the ids are not known before run time, `manifest()` alone can tell. */
type Other<Id extends string, Of extends string> = string extends Id ? string : Exclude<Id, Of>;

/** What one agent should be: Scores by id, with order between them. Made by `manifest()`. */
export interface Manifest {
  readonly topology: Topology;
  readonly scores: Readonly<Record<string, AnyScore>>;
  readonly after: Readonly<Record<string, readonly string[]>>;
  readonly restartOn: Readonly<Record<string, readonly string[]>>;
}

/** A manifest that contradicts itself; the message names the ids and says what to change. */
export class InvalidManifest extends Error {
  override readonly name = "InvalidManifest";
}

/** A Score id: 1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, first a letter or digit. The decoder forbids two such keys. */
export const SCORE_ID = /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9._-]{0,62}$/;

/** The most Scores that one manifest may hold: the states of so many fit into one status message of 1 MiB. */
export const SCORES_LIMIT = 2000;

/** Registered, so that a manifest is known as one across two copies of this package. */
const brand = Symbol.for("harmony-edge.manifest");

/**
 * Declares what one agent should be. The compiler refuses a Score that the topology cannot run, an id that is not in
 * the manifest, and a Score that comes after itself.
 *
 * ```ts
 * export default manifest(PiTopology, {
 *   motd: new FileScore({ path: "/etc/motd", content: "hello\n" }),
 * });
 * ```
 *
 * @throws {InvalidManifest} for a bad id, an id that is not there, two Scores about one thing, a cycle, or a restart of what
 * does not run.
 */
export function manifest<const T extends Topology, const S extends Readonly<Record<string, unknown>>>(
  topology: T,
  scores: FitsAll<S, T>,
  order?: Order<Extract<NoInfer<keyof S>, string>>,
): Manifest;
export function manifest(topology: Topology, given: object, order: Order = {}): Manifest {
  const scores: Record<string, AnyScore> = {};
  const byIdentity = new Map<string, string>();
  for (const [id, score] of Object.entries(given)) {
    if (!SCORE_ID.test(id)) {
      throw new InvalidManifest(
        `"${id}" is no Score id: use 1 to 63 of a-z, 0-9, "-", "_" and ".", beginning with a letter or digit (and not "constructor" or "prototype")`,
      );
    }
    if (!isScore(score)) {
      throw new InvalidManifest(`"${id}" is no Score: make it with "new FileScore({ ... })" or another kind`);
    }
    const { identity } = score.bind();
    const other = byIdentity.get(identity);
    if (other !== undefined) {
      throw new InvalidManifest(`"${other}" and "${id}" are both about ${identity}: take one of them out`);
    }
    byIdentity.set(identity, id);
    scores[id] = score;
  }
  const ids = Object.keys(scores);
  if (ids.length > SCORES_LIMIT) {
    throw new InvalidManifest(`a manifest holds at most ${SCORES_LIMIT} Scores, this one has ${ids.length}`);
  }
  const known = new Set(ids);
  const after = edges("after", order.after ?? {}, known);
  const cycle = findCycle(after);
  if (cycle !== null) throw new InvalidManifest(`after: ${cycle.join(" comes after ")}: take one of these out`);
  const restartOn = edges("restartOn", order.restartOn ?? {}, known);
  for (const id of Object.keys(restartOn)) {
    const score = scores[id];
    if (score === undefined || score.bind().restarts) continue;
    throw new InvalidManifest(
      `restartOn: "${id}" is a ${score.kind}, and nothing of that kind can be restarted: take it out, or name the Score that runs`,
    );
  }
  const made: Manifest = { topology, scores, after, restartOn };
  return Object.freeze(Object.defineProperty(made, brand, { value: true }));
}

/** Whether a value was made by `manifest()`, of this copy of the package or another. */
export const isManifest = (value: unknown): value is Manifest =>
  typeof value === "object" && value !== null && brand in value && value[brand] === true;

function edges(
  name: "after" | "restartOn",
  given: Readonly<Record<string, readonly string[] | undefined>>,
  known: ReadonlySet<string>,
): Record<string, readonly string[]> {
  const made: Record<string, readonly string[]> = {};
  for (const [of, ons] of Object.entries(given)) {
    for (const id of [of, ...(ons ?? [])]) {
      if (!known.has(id)) throw new InvalidManifest(`${name}: there is no Score "${id}" in this manifest`);
    }
    // One that comes after itself is told with the cycles.
    if (name === "restartOn" && ons?.includes(of) === true) {
      throw new InvalidManifest(`restartOn: "${of}" names itself: take that out`);
    }
    if (ons !== undefined && ons.length > 0) made[of] = ons;
  }
  return made;
}

/** Ids in an order in which each comes after those it names; ids that are part of, or behind, a cycle are left out. */
export function inOrder(ids: readonly string[], after: Readonly<Record<string, readonly string[]>>): readonly string[] {
  const dependents = new Map<string, string[]>();
  const open = new Map(ids.map((id) => [id, 0]));
  for (const id of ids) {
    for (const on of after[id] ?? []) {
      if (!open.has(on)) continue;
      open.set(id, (open.get(id) ?? 0) + 1);
      const behind = dependents.get(on);
      if (behind === undefined) dependents.set(on, [id]);
      else behind.push(id);
    }
  }
  const ready = ids.filter((id) => open.get(id) === 0);
  for (const id of ready) {
    for (const dependent of dependents.get(id) ?? []) {
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return ready;
}

/** A cycle as a path whose first and last id are the same, or null. */
export function findCycle(after: Readonly<Record<string, readonly string[]>>): readonly string[] | null {
  const ids = [...new Set(Object.entries(after).flatMap(([of, ons]) => [of, ...ons]))];
  const sorted = new Set(inOrder(ids, after));
  const start = ids.find((id) => !sorted.has(id));
  if (start === undefined) return null;
  const path = [start];
  for (;;) {
    // Every id that is left comes after at least one other that is left, so this walk ends in a cycle.
    const next = (after[path.at(-1) ?? start] ?? []).find((on) => !sorted.has(on));
    if (next === undefined) return null;
    const seen = path.indexOf(next);
    if (seen >= 0) return [...path.slice(seen), next];
    path.push(next);
  }
}
