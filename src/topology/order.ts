import type { Policy } from "./policies.ts";

/** What is said of Scores beside their specs, by id. */
export interface Order<Id extends string = string> {
  /** A Score is interpreted only when those it comes after are Ready. */
  readonly after?: { readonly [Of in Id]?: readonly Other<Id, Of>[] };
  /**
   * What a Score runs is started anew when one of these has changed something, once that is Ready. Implies nothing about
   * order. Only for kinds that run something, such as `SystemdService`. To be started anew is no change of its own.
   */
  readonly restartOn?: { readonly [Of in Id]?: readonly Other<Id, Of>[] };
  /**
   * What becomes of drift, of what stands there already, and of what the Score made once it is dropped. Default: all that
   * is there is taken over, drift is repaired, and what is dropped is removed.
   */
  readonly policies?: { readonly [Of in Id]?: Policy };
}
/** Any id but the one itself. Where the ids are not known before run time, that is told then. */
type Other<Id extends string, Of extends string> = string extends Id ? string : Exclude<Id, Of>;

/** By id, the ids it is tied to. */
export type Edges = Readonly<Record<string, readonly string[]>>;

/** Ids in an order in which each comes after those it names; ids that are part of, or behind, a cycle are left out. */
export function inOrder(ids: readonly string[], after: Edges): readonly string[] {
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
export function findCycle(after: Edges): readonly string[] | null {
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
