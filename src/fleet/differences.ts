import { redact } from "../scores/redaction.ts";
import { WireScore } from "../wire/envelope.ts";
import { hiddenIn } from "../wire/hidden.ts";
import { digestsOf, type ShippedManifest } from "./manifests.ts";
import { safeParse } from "../wire/safe-parse.ts";

/** One field that differs. Left out on the side that does not have it. */
export interface FieldChange {
  /** As in `spec.ports[0].host`. */
  readonly field: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

export interface ScoreDifference {
  readonly id: string;
  /** As `File@1`, of the newer one where both have it. */
  readonly kind: string;
  readonly change: "added" | "changed" | "removed";
  readonly fields: readonly FieldChange[];
}

type Scores = Pick<ShippedManifest, "scores">;

/** What one manifest has that the other has not, by Score, in the order of the newer one and then of the older. */
export function differences(before: Scores, after: Scores): readonly ScoreDifference[] {
  const [older, newer] = [digestsOf(before), digestsOf(after)];
  const ids = new Set([...newer.keys(), ...older.keys()]);
  return [...ids].flatMap((id): ScoreDifference[] => {
    if (older.get(id) === newer.get(id)) return [];
    const [was, is] = [told(before.scores[id]), told(after.scores[id])];
    const change = was === null ? "added" : is === null ? "removed" : "changed";
    const hidden = [...hiddenIn(before.scores[id]), ...hiddenIn(after.scores[id])];
    const fields = [...fieldChanges("", was?.fields, is?.fields)].map((field) => withoutHidden(field, hidden));
    return [{ id, kind: is?.kind ?? was?.kind ?? "?", change, fields }];
  });
}

/** What there is to compare of a Score; null: there is none. */
function told(value: unknown): { readonly kind: string; readonly fields: object } | null {
  if (value === undefined) return null;
  const read = safeParse(WireScore, value);
  if (!read.success) return { kind: "?", fields: { unreadable: value } };
  const { kind, version, after, restartOn, policies, secrets, spec } = read.data;
  const fields = {
    spec: spec.json,
    ...(after.length > 0 && { after }),
    ...(restartOn.length > 0 && { restartOn }),
    ...(policies && { policies }),
    // What they are is sealed; that one was sealed anew shows.
    ...(secrets && { secrets }),
  };
  return { kind: `${kind}@${version}`, fields };
}

function* fieldChanges(field: string, before: unknown, after: unknown): Generator<FieldChange> {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (isPlain(before) && isPlain(after)) {
    for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* fieldChanges(field === "" ? name : `${field}.${name}`, before[name], after[name]);
    }
  } else if (field === "" && (isPlain(before) || isPlain(after))) {
    yield* fieldChanges("", isPlain(before) ? before : {}, isPlain(after) ? after : {});
  } else {
    yield { field, ...(before !== undefined && { before }), ...(after !== undefined && { after }) };
  }
}

const isPlain = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** That it differs is told all the same. */
function withoutHidden(change: FieldChange, hidden: readonly string[]): FieldChange {
  if (hidden.length === 0) return change;
  const shown = (value: unknown): unknown => {
    if (typeof value === "string") return redact(value, hidden);
    if (Array.isArray(value)) return value.map(shown);
    return isPlain(value) ? Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shown(each)])) : value;
  };
  const { field, ...sides } = change;
  return {
    field,
    ...("before" in sides && { before: shown(sides.before) }),
    ...("after" in sides && { after: shown(sides.after) }),
  };
}
