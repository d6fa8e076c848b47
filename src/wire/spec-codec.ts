import SuperJSON from "superjson";
import type { WireSpec } from "./envelope.ts";

/** An instance of our own: what others register on the default one must not reach what agents decode. */
const superjson = new SuperJSON();

/** The annotations that are undone. All others are refused: 60 bytes of a typed array would allocate a gigabyte. */
const ALLOWED: ReadonlySet<unknown> = new Set(["undefined", "bigint", "Date", "set", "map"]);

export function encodeSpec(spec: unknown): WireSpec {
  const { json, meta } = superjson.serialize(spec);
  // Without referentialEqualities: each place has its own full copy, and the decoder refuses the field.
  return meta?.values === undefined ? { json } : { json, meta: { values: meta.values, v: 1 } };
}

export type DecodedSpec = { readonly _tag: "Spec"; readonly value: unknown } | { readonly _tag: "Refused"; readonly message: string };

/** Never throws. The JSON has been scanned before, so its depth and size are bounded. */
export function decodeSpec({ json, meta }: WireSpec): DecodedSpec {
  if (meta === undefined) return { _tag: "Spec", value: json };
  const refused = refusedAnnotation(meta.values);
  if (refused !== null) return { _tag: "Refused", message: refused };
  try {
    return { _tag: "Spec", value: superjson.deserialize({ json, meta } as Parameters<SuperJSON["deserialize"]>[0]) };
  } catch (error) {
    return { _tag: "Refused", message: `the annotations do not fit the spec: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The tree is `{ path: tree }`, `[annotation]` or `[annotation, { path: tree }]`. */
function refusedAnnotation(values: unknown): string | null {
  const open: unknown[] = [values];
  for (const tree of open) {
    if (Array.isArray(tree)) {
      const [annotation, inner, ...more]: unknown[] = tree;
      if (!ALLOWED.has(annotation)) return `the annotation ${JSON.stringify(annotation)} is not one of ${[...ALLOWED].join(", ")}`;
      if (more.length > 0) return "an annotation has at most two parts";
      if (inner === undefined) continue;
      if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return "inner annotations are an object";
      open.push(...Object.values(inner));
    } else if (typeof tree === "object" && tree !== null) {
      open.push(...Object.values(tree));
    } else {
      return "an annotation is an array or an object";
    }
  }
  return null;
}
