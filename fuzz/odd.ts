import * as fc from "fast-check";

/** Texts that readers trip over: control characters, directions, halves of pairs, names of prototypes, paths that lead out. */
export const ODD_TEXTS: readonly string[] = [
  ...["", " ", "\0", "a\0b", "\n", "\r", "\t", "\u001b[2J", "\u001b]0;title\u0007", "\u009b31m", "\u007f", "\u0085"],
  ...["\u202e", "\u2066", "\u200e", "\u061c", "\u2028", "\ufeff", "\ud800", "\udfff", "\u{1f600}", "e\u0301", "\uffff"],
  ...["__proto__", "constructor", "prototype", "toString", "valueOf", "toJSON", "hasOwnProperty", "then", "length"],
  ...[
    "..",
    "../../etc/passwd",
    "/",
    "//",
    "/etc/../etc/shadow",
    "-rf",
    "*",
    "%",
    "%00",
    "%2e%2e%2f",
    "${x}",
    "$(x)",
    "a.b",
  ],
  ...[
    "NaN",
    "Infinity",
    "-0",
    "1e999",
    "0x10",
    "99999999999999999999",
    "null",
    "undefined",
    "true",
    "sha256:",
    "=",
    "a=b",
  ],
  "x".repeat(300),
  "x".repeat(5000),
  "\u0300".repeat(200),
  "/a".repeat(600),
];

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  -(2 ** 53),
  1e21,
  1e300,
  5e-324,
  65_535,
  65_536,
];

const nested = (depth: number): unknown => {
  let value: unknown = 0;
  for (let at = 0; at < depth; at += 1) value = at % 3 === 0 ? { a: value } : [value];
  return value;
};

/** Values of JSON that stand where others were expected. */
export const oddValues = (seed: number): readonly unknown[] => [
  ...ODD_TEXTS,
  ...NUMBERS,
  ...[null, true, false, [], {}, [[]], [null], [[], []], nested(10), nested(60), nested(70), nested(1000)],
  ...[{ toString: "x", valueOf: 1 }, { toString: null }, { toJSON: 1 }, { length: 1e9 }],
  entries([["then", "x"]]),
  entries([["__proto__", { polluted: true }]]),
  entries([["constructor", { prototype: { polluted: true } }]]),
  Array.from({ length: 200 }, (_, at) => at),
  Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`k${at}`, at])),
  ...fc.sample(fc.jsonValue({ maxDepth: 3 }), { seed, numRuns: 100 }),
];

/** With own keys alone, also of such names. */
export const entries = (pairs: readonly (readonly [string, unknown])[]): unknown => Object.fromEntries(pairs);
