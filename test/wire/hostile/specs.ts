import { file, fileWithSpec } from "../wire-text.ts";
import { type Draft, withScores } from "./case.ts";

const PATH = "/srv/a";
type Fields = Readonly<Record<string, unknown>>;

/** A File whose spec, or what annotates it, is wrong, beside one that is right. */
const spec = (make: () => Fields) => withScores(() => ({ a: fileWithSpec(make()), good: file("/srv/good") }));
const json = (fields: Fields) => spec(() => ({ json: { path: PATH, content: "", ...fields } }));
const whole = (value: unknown) => spec(() => ({ json: value }));
const annotated = (values: unknown, content: unknown = "", rest: Fields = {}) =>
  spec(() => ({ json: { path: PATH, content }, meta: { values, v: 1, ...rest } }));
const repeated = <T>(count: number, make: (n: number) => T): T[] => Array.from({ length: count }, (_, n) => make(n));

const invalid = { a: "InvalidSpec", good: "Accepted" } as const;
const malformed = { a: "MalformedScore", good: "Accepted" } as const;

/** What is wrong with a spec. */
export const SPECS: readonly Draft[] = [
  ["null as spec", invalid, whole(null)],
  ["a list as spec", invalid, whole([PATH])],
  ["text as spec", invalid, whole(PATH)],
  ["a spec without a path", invalid, whole({ content: "" })],
  ["an unknown field in a spec", invalid, json({ sudo: true })],
  ["toString in a spec", invalid, json({ toString: "x", valueOf: 1, toJSON: null })],
  ["__proto__ in a spec", "Malformed", json({ ["__proto__"]: { mode: "4777" } })],
  ["__proto__ within a spec", "Malformed", json({ content: { ["__proto__"]: { base64: "" } } })],
  ["constructor in a spec", "Malformed", json({ constructor: { prototype: { polluted: true } } })],
  ["prototype in a spec", "Malformed", json({ prototype: { polluted: true } })],
  ["content whose length cannot be compared", invalid, json({ content: { length: { toString: 0 } } })],
  ["a path whose length cannot be compared", invalid, json({ path: { length: { toString: 0 } } })],
  ["a path that is a number", invalid, json({ path: 1 })],
  ["a relative path", invalid, json({ path: "etc/passwd" })],
  ["a path with ..", invalid, json({ path: "/srv/../etc/passwd" })],
  ["a path with a NUL", invalid, json({ path: "/srv/a\0b" })],
  ["a path that is the root", invalid, json({ path: "/" })],
  ["a path of 1 MiB", invalid, json({ path: `/${"a/".repeat(512 * 1024)}a` })],
  ["a mode that is a number", invalid, json({ mode: 420 })],
  ["a mode with a line break at its end", invalid, json({ mode: "0644\n" })],
  ["an owner with a colon", invalid, json({ owner: "root:root" })],
  [
    "content 1e400, which is Infinity",
    invalid,
    (n) =>
      Buffer.from(
        Buffer.from(json({ content: 77 })(n))
          .toString()
          .replace("77", "1e400"),
      ),
  ],
  ["content that is not base64", invalid, json({ content: { base64: "%%%" } })],
  ["content in base64 and more", invalid, json({ content: { base64: "", text: "" } })],
  ["content over 64 KiB", invalid, json({ content: "x".repeat(64 * 1024) })],
  ["content of 3 MiB", invalid, json({ content: "x".repeat(3 * 1024 * 1024) })],
  ["content of 3 MiB in base64", invalid, json({ content: { base64: "AAAA".repeat(768 * 1024) } })],
  [
    "100,000 unknown fields",
    invalid,
    spec(() => ({ json: Object.fromEntries(repeated(100_000, (n) => [`k${n}`, 0])) })),
  ],
  ["an unknown field of 100 KiB", invalid, json({ ["k".repeat(100 * 1024)]: 0 })],

  ["no spec in the spec", malformed, spec(() => ({}))],
  ["an unknown field beside the spec", malformed, spec(() => ({ json: { path: PATH, content: "" }, schema: 1 }))],
  ["a spec in place of the wrapped one", malformed, spec(() => ({ path: PATH, content: "" }))],
  ["annotations that are null", malformed, spec(() => ({ json: { path: PATH, content: "" }, meta: null }))],
  ["annotations of another version", malformed, annotated({}, "", { v: 2 })],
  [
    "annotations of no version, which had other paths",
    malformed,
    spec(() => ({ json: { path: PATH, content: "" }, meta: { values: { content: ["bigint"] } } })),
  ],
  ["referential equalities", malformed, annotated({}, "", { referentialEqualities: { path: ["content"] } })],
  [
    "referential equalities that make a cycle",
    malformed,
    annotated({}, { base64: {} }, { referentialEqualities: [["content.base64"]] }),
  ],
  [
    "referential equalities that double 30 times",
    malformed,
    annotated({}, "", {
      referentialEqualities: Object.fromEntries(repeated(30, (n) => [`a${n}`, [`a${n + 1}.x`, `a${n + 1}.y`]])),
    }),
  ],

  ["a typed array of 1 GB", invalid, annotated({ content: [["typed-array", "Uint8Array"]] }, 1_000_000_000)],
  ["a typed array of floats", invalid, annotated({ content: [["typed-array", "Float64Array"]] }, 500_000_000)],
  ["a typed array that is the whole spec", invalid, annotated([["typed-array", "Uint8Array"]])],
  ["a regular expression", invalid, annotated({ content: ["regexp"] }, "/(a+)+$/")],
  ["an Error", invalid, annotated({ content: ["Error"] }, { name: "Error", message: "x", stack: "at /etc/passwd" })],
  ["a URL", invalid, annotated({ content: ["URL"] }, "file:///etc/passwd")],
  ["a registered class", invalid, annotated({ content: [["class", "FileScore"]] }, {})],
  ["a class called constructor", invalid, annotated({ content: [["class", "constructor"]] }, {})],
  ["a custom transformer", invalid, annotated({ content: [["custom", "Buffer"]] })],
  ["a symbol", invalid, annotated({ content: [["symbol", "iterator"]] })],
  ["an annotation called toString", invalid, annotated({ content: ["toString"] })],
  ["an annotation called __proto__", invalid, annotated({ content: ["__proto__"] })],
  ["an annotation that is a number", invalid, annotated({ content: [7] })],
  ["an empty annotation", invalid, annotated({ content: [] })],
  ["an annotation with three parts", invalid, annotated({ content: ["set", {}, {}] }, [])],
  ["an annotation with a list inside", invalid, annotated({ content: ["set", [["bigint"]]] }, ["1"])],
  ["annotations that are text", invalid, annotated("set")],
  ["annotations that are null inside", invalid, annotated({ content: null })],

  ["an annotation on a field that is not there", invalid, annotated({ owner: ["undefined"] })],
  [
    "an annotation four thousand million places into a list",
    invalid,
    annotated({ "content.4000000000": ["undefined"] }, []),
  ],
  ["an annotation on place -1", invalid, annotated({ "content.-1": ["undefined"] }, [null])],
  ["an annotation on the length of a list", invalid, annotated({ "content.length": ["bigint"] }, ["1"])],
  ["an annotation on a letter of a text", invalid, annotated({ "path.0": ["bigint"] })],
  ["an annotation on __proto__", invalid, annotated({ ["__proto__.polluted"]: ["undefined"] })],
  ["an annotation on __proto__, spelt with an escape", invalid, annotated({ "\\__proto__.polluted": ["undefined"] })],
  ["an annotation on constructor.prototype", invalid, annotated({ "constructor.prototype.polluted": ["undefined"] })],
  ["an annotation on __proto__ of a list", invalid, annotated({ "content.__proto__": ["undefined"] }, [null])],
  ["an annotation with a path that ends in a backslash", invalid, annotated({ "content\\": ["undefined"] }, null)],
  [
    "an annotation with a path of 3 MiB",
    invalid,
    spec(() => ({ json: { path: PATH, content: "" }, meta: { values: { ["a.".repeat(1_500_000)]: ["set"] }, v: 1 } })),
  ],
  [
    "150,000 annotations of nothing",
    invalid,
    spec(() => ({
      json: { path: PATH, content: "" },
      meta: { values: Object.fromEntries(repeated(150_000, (n) => [n, ["set"]])), v: 1 },
    })),
  ],
  [
    "a Set, and its places counted off from outside",
    invalid,
    annotated({ content: ["set"], "content.0": ["bigint"] }, ["1"]),
  ],
  ["the same the other way round", invalid, annotated({ "content.0": ["bigint"], content: ["set"] }, ["1"])],
  [
    "a Set of 20,000 big integers",
    invalid,
    spec(() => ({
      json: { path: PATH, content: repeated(20_000, String) },
      meta: { values: { content: ["set", Object.fromEntries(repeated(20_000, (n) => [n, ["bigint"]]))] }, v: 1 },
    })),
  ],
  [
    "a Set of 20,000, and its places counted off from outside",
    invalid,
    spec(() => ({
      json: { path: PATH, content: repeated(20_000, String) },
      meta: {
        values: { content: ["set"], ...Object.fromEntries(repeated(20_000, (n) => [`content.${n}`, ["bigint"]])) },
        v: 1,
      },
    })),
  ],

  ["a Set of the letters of a text", invalid, annotated({ content: ["set"] }, "abc")],
  ["a Map of what are no pairs", invalid, annotated({ content: ["map"] }, [["a", 1, 2], "b"])],
  ["a Map where text is wanted", invalid, annotated({ content: ["map"] }, [["base64", ""]])],
  [
    "a big integer of 3,000,000 digits",
    invalid,
    spec(() => ({
      json: { path: PATH, content: "9".repeat(3_000_000) },
      meta: { values: { content: ["bigint"] }, v: 1 },
    })),
  ],
  ["a big integer in hexadecimal", invalid, annotated({ content: ["bigint"] }, "0xff")],
  ["a big integer that is a list", invalid, annotated({ content: ["bigint"] }, ["1"])],
  ["a Date where text is wanted", invalid, annotated({ content: ["Date"] }, "2026-11-23T08:00:00.000Z")],
  ["a Date that is none", invalid, annotated({ content: ["Date"] }, "yesterday")],
  [
    "a Date that is an object with its own valueOf",
    invalid,
    annotated({ content: ["Date"] }, { valueOf: 1, toString: 2 }),
  ],
  ["undefined where text is wanted", invalid, annotated({ content: ["undefined"] }, null)],
  ["NaN where text is wanted", invalid, annotated({ content: ["number"] }, "NaN")],
  ["half a surrogate pair as content", invalid, json({ content: "\ud800" })],
];
