/** What a spec may hold: the values that the wire carries without loss. */
export type Carried<T> = T extends string | number | boolean | bigint | null | undefined | Date
  ? T
  : T extends (...args: never) => unknown
    ? never
    : T extends symbol
      ? never
      : // A Map is a ReadonlySet of its entries too, as far as the compiler can see, so it comes first.
        T extends ReadonlyMap<infer Key, infer Value>
        ? ReadonlyMap<Carried<Key>, Carried<Value>>
        : T extends ReadonlySet<infer Item>
          ? ReadonlySet<Carried<Item>>
          : T extends ArrayBufferView | RegExp | Error | Promise<unknown>
            ? never
            : T extends object
              ? { readonly [K in keyof T]: Carried<T[K]> }
              : never;

/** Read-only all the way down. */
export type Frozen<T> = T extends string | number | boolean | bigint | symbol | null | undefined | Date
  ? T
  : T extends ReadonlyMap<infer Key, infer Value>
    ? ReadonlyMap<Frozen<Key>, Frozen<Value>>
    : T extends ReadonlySet<infer Item>
      ? ReadonlySet<Frozen<Item>>
      : { readonly [K in keyof T]: Frozen<T[K]> };

/** The largest spec in bytes of JSON. What is larger belongs into a package, an image or an asset. */
export const SPEC_LIMIT_BYTES = 64 * 1024;

/** The size of a spec as JSON in UTF-8, close enough to the wire's own to hold a limit by. */
export const specBytes = (spec: unknown): number => new TextEncoder().encode(JSON.stringify(spec, plain) ?? "").length;

/** Keys that the wire forbids: in JavaScript they reach an object's prototype. */
const FORBIDDEN: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The first key of these anywhere in the spec, or null. */
export function forbiddenKey(spec: unknown): string | null {
  if (typeof spec !== "object" || spec === null || spec instanceof Date) return null;
  const inner = spec instanceof Map || spec instanceof Set ? [...spec] : Object.values(spec);
  const own = Array.isArray(spec) ? undefined : Object.keys(spec).find((key) => FORBIDDEN.has(key));
  return own ?? inner.map(forbiddenKey).find((key) => key !== null) ?? null;
}

const plain = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value instanceof Set || value instanceof Map ? [...value] : value;

/** Freezes plain data in place, all the way down. Sets and maps cannot be frozen; their type says read-only. */
export function freeze<T>(value: T): Frozen<T>;
export function freeze(value: unknown): unknown {
  // Also below what is frozen already: zod's .readonly() freezes the one object and not what is in it.
  if (typeof value === "object" && value !== null) {
    for (const inner of Object.values(value)) freeze(inner);
    if (!(value instanceof Date)) Object.freeze(value);
  }
  return value;
}
