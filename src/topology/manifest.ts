import * as z from "zod";
import type { AnyScore } from "../scores/score.ts";
import type { FitsAll } from "./fits.ts";
import type { Edges, Order } from "./order.ts";
import { type ByIdPolicies, gather, InvalidManifest } from "./parts.ts";
import { type RollbackOnFailure, rollbackOf, type RollbackWish } from "./rollback.ts";
import type { Topology } from "./topology.ts";

/** What one agent should be: Scores by id, with order between them. Made by `manifest()`. */
export interface Manifest<T extends Topology = Topology> {
  readonly topology: T;
  readonly scores: Readonly<Record<string, AnyScore>>;
  readonly after: Edges;
  readonly restartOn: Edges;
  readonly policies: ByIdPolicies;
  /** Null: a manifest that fails stays in force. */
  readonly rollbackOnFailure: RollbackOnFailure | null;
}

/** What is said of a manifest beside its Scores. */
export interface ManifestOptions<Id extends string = string> extends Order<Id> {
  /**
   * Whether the last manifest that was wholly Ready on the device comes back when this one fails: when a Score of it fails for
   * good, or not all are Ready within so many seconds (`true`: 300). Default: it stays in force, and what failed is tried on.
   */
  readonly rollbackOnFailure?: RollbackWish;
}

/** The most Scores that one manifest may hold: the states of so many fit into one status message of 1 MiB. */
export const SCORES_LIMIT = 2000;

/** Registered, so that a manifest is known as one across two copies of this package. */
const brand = Symbol.for("harmony-edge.manifest");

/**
 * Declares what one agent should be: Scores, and compositions of Scores, by id. The compiler refuses a Score that the
 * topology cannot run, an id that is not in the manifest, and a Score that comes after itself.
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
  options?: ManifestOptions<Extract<NoInfer<keyof S>, string>>,
): Manifest<T>;
export function manifest(topology: Topology, given: object, options: ManifestOptions = {}): Manifest {
  const gathered = gather(given, options, "manifest");
  const byIdentity = new Map<string, string>();
  for (const [id, score] of Object.entries(gathered.scores)) {
    const { identity } = score.bind();
    const other = byIdentity.get(identity);
    if (other !== undefined) {
      throw new InvalidManifest(`"${other}" and "${id}" are both about ${identity}: take one of them out`);
    }
    byIdentity.set(identity, id);
  }
  if (byIdentity.size > SCORES_LIMIT) {
    throw new InvalidManifest(`a manifest holds at most ${SCORES_LIMIT} Scores, this one has ${byIdentity.size}`);
  }
  const rollback = rollbackOf(options.rollbackOnFailure ?? false);
  if (rollback?.success === false) throw new InvalidManifest(`rollbackOnFailure: ${z.prettifyError(rollback.error)}`);
  const made: Manifest = { topology, ...gathered, rollbackOnFailure: rollback?.data ?? null };
  return Object.freeze(Object.defineProperty(made, brand, { value: true }));
}

/** Whether a value was made by `manifest()`, of this copy of the package or another. */
export const isManifest = (value: unknown): value is Manifest =>
  typeof value === "object" && value !== null && brand in value && value[brand] === true;
