import SuperJSON from "superjson";
import type { WireSpec } from "./envelope.ts";

/** An instance of our own: what others register on the default one must not reach what agents decode. */
const superjson = new SuperJSON();

const isText = (json: unknown, pattern: RegExp): boolean => typeof json === "string" && pattern.test(json);

/**
 * The annotations that are undone, and what each may stand on. All others are refused: 60 bytes of a typed array would
 * allocate a gigabyte.
 */
const ALLOWED: ReadonlyMap<unknown, (json: unknown) => boolean> = new Map([
  ["undefined", (json) => json === null],
  ["bigint", (json) => isText(json, /^-?[0-9]+$/)],
  ["number", (json) => isText(json, /^(-0|NaN|-?Infinity)$/)],
  ["Date", (json) => isText(json, /^[+-]?[0-9]{4,6}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$/)],
  ["set", (json) => Array.isArray(json)],
  ["map", (json) => Array.isArray(json) && json.every((entry) => Array.isArray(entry) && entry.length === 2)],
]);

export function encodeSpec(spec: unknown): WireSpec {
  const { json, meta } = superjson.serialize(spec);
  // Without referentialEqualities: each place has its own full copy, and the decoder refuses the field.
  return meta?.values === undefined ? { json } : { json, meta: { values: meta.values, v: 1 } };
}

export type DecodedSpec =
  | { readonly _tag: "Spec"; readonly value: unknown }
  | { readonly _tag: "Refused"; readonly message: string };

/** Never throws. The JSON has been bounded and scanned before. */
export function decodeSpec({ json, meta }: WireSpec): DecodedSpec {
  if (meta === undefined) return { _tag: "Spec", value: json };
  const message = refusedTree(meta.values, json);
  if (message !== null) return { _tag: "Refused", message };
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the tree has just been checked to be one
    return { _tag: "Spec", value: superjson.deserialize({ json, meta } as Parameters<SuperJSON["deserialize"]>[0]) };
  } catch (error) {
    return { _tag: "Refused", message: `the annotations do not fit the spec: ${String(error)}` };
  }
}

/**
 * A tree of annotations is `[annotation]`, `[annotation, { path: tree }]` or `{ path: tree }`. Recurses as deep as the
 * JSON is nested.
 */
function refusedTree(tree: unknown, json: unknown): string | null {
  if (!Array.isArray(tree)) return refusedBranches(tree, json);
  const parts: readonly unknown[] = tree;
  const [annotation, inner, ...more] = parts;
  const fits = ALLOWED.get(annotation);
  const name = JSON.stringify(annotation ?? null).slice(0, 64);
  if (fits === undefined) return `the annotation ${name} is not one of ${[...ALLOWED.keys()].join(", ")}`;
  if (!fits(json)) return `the annotation ${name} does not fit the value it stands on`;
  if (more.length > 0) return "an annotation has at most two parts";
  return inner === undefined ? null : refusedBranches(inner, json);
}

/** Which places of one record of paths are annotated already, and which are passed on the way to one. */
interface Place {
  annotated: boolean;
  readonly inner: Map<string, Place>;
}

/**
 * Each path must lead to a value that is there: superjson would make one that is not, and an array of four thousand
 * million for the path "4000000000". No path may lead on from the end of another: superjson would find a Set or a Map
 * there, whose places it can only count off one by one.
 */
function refusedBranches(branches: unknown, json: unknown): string | null {
  if (typeof branches !== "object" || branches === null || Array.isArray(branches)) {
    return "annotations are an object or an array";
  }
  const root: Place = { annotated: false, inner: new Map() };
  for (const [path, tree] of Object.entries(branches)) {
    const nowhere = `the annotation path "${path.slice(0, 64)}" leads to no place of its own in the spec`;
    let place = root;
    let at = json;
    for (const segment of segments(path)) {
      if (place.annotated || typeof at !== "object" || at === null || !Object.hasOwn(at, segment)) return nowhere;
      at = Reflect.get(at, segment);
      const inner = place.inner.get(segment) ?? { annotated: false, inner: new Map() };
      place.inner.set(segment, inner);
      place = inner;
    }
    if (place.annotated || place.inner.size > 0) return nowhere;
    place.annotated = true;
    const refused = refusedTree(tree, at);
    if (refused !== null) return refused;
  }
  return null;
}

/** Paths as superjson writes them: segments with dots between, in which a backslash escapes a dot or a backslash. */
function* segments(path: string): Generator<string> {
  let segment = "";
  for (let at = 0; at < path.length; at += 1) {
    const character = path.charAt(at);
    if (character === ".") {
      yield segment;
      segment = "";
    } else if (character === "\\") {
      at += 1;
      segment += path.charAt(at);
    } else segment += character;
  }
  yield segment;
}
