import * as fc from "fast-check";
import * as z from "zod";
import { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import { Score } from "../../src/scores/score.ts";

const Leaf = z.union([z.string(), z.number(), z.bigint(), z.date(), z.null(), z.boolean()]);

/** A kind whose spec holds every sort of value that may travel, in every sort of place. */
export class EverythingScore extends Score(
  "Everything",
  {
    version: 3,
    requires: [FileSystemHost],
    spec: z.strictObject({
      name: z.string(),
      leaf: Leaf,
      optional: z.bigint().optional(),
      mode: z.string().default("0644"),
      list: z.array(z.union([Leaf, z.undefined()])),
      set: z.set(Leaf),
      map: z.map(Leaf, z.array(Leaf)),
      record: z.record(z.string(), Leaf),
      nested: z.array(z.map(z.string(), z.set(z.record(z.string(), z.union([z.date(), z.undefined()]))))),
    }),
    observed: z.object({}),
    step: z.object({ do: z.literal("nothing") }),
  },
  {
    identity: ({ name }) => `everything:${name}`,
    observe: () => ({}),
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
) {}

/** Any UTF-16, also half a surrogate pair; often what paths of annotations are made of. */
const text = fc.oneof(
  fc.array(fc.constantFrom(".", "\\", "a", "0", "1", "-0", "")).map((parts) => parts.join("")),
  fc.string({ unit: "binary" }),
  fc.array(fc.integer({ min: 0, max: 0xffff })).map((codes) => String.fromCharCode(...codes)),
);
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
const anyKey = text.filter((each) => !FORBIDDEN.has(each));
const date = fc.date({ noInvalidDate: true });
const leaf = fc.oneof(
  text,
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(-0),
  fc.bigInt(),
  date,
  fc.constantFrom(null, true, false),
);
const setOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<Set<T>> =>
  fc.array(item, { maxLength: 5 }).map((items) => new Set(items));
const mapOf = <K, V>(keys: fc.Arbitrary<K>, values: fc.Arbitrary<V>): fc.Arbitrary<Map<K, V>> =>
  fc.array(fc.tuple(keys, values), { maxLength: 5 }).map((entries) => new Map(entries));

const specWithKeys = (key: fc.Arbitrary<string>) =>
  fc.record(
    {
      name: text,
      leaf,
      optional: fc.option(fc.bigInt(), { nil: undefined }),
      mode: text,
      list: fc.array(fc.option(leaf, { nil: undefined })),
      set: setOf(leaf),
      map: mapOf(leaf, fc.array(leaf, { maxLength: 3 })),
      record: fc.dictionary(key, leaf),
      nested: fc.array(mapOf(text, setOf(fc.dictionary(key, fc.option(date, { nil: undefined })))), { maxLength: 3 }),
    },
    { requiredKeys: ["name", "leaf", "list", "set", "map", "record", "nested"] },
  );

/** What an author may hand to `new EverythingScore()`. */
export const anySpec = specWithKeys(anyKey);

/**
 * The same without backslashes in keys, for what goes through JSON text: JSON.parse of Node 24 (not of
 * 20) takes a key with an escape in it for another one, when it has read a key before that is the start of its source.
 */
export const everythingSpec = specWithKeys(anyKey.filter((key) => !key.includes("\\")));
