import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { type AnyCapability, capability } from "../../src/capabilities/capability.ts";
import { type AnyScoreClass, Score } from "../../src/scores/score.ts";
import { lacks, lackSentence } from "../../src/topology/lacks.ts";
import { manifest } from "../../src/topology/manifest.ts";
import { type Topology, topology, without } from "../../src/topology/topology.ts";
import { decodeScore } from "../../src/wire/decode.ts";
import { encode, encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { compile, COMPILERS } from "../types/compiler.ts";

/** The three gates are the compiler, the encoder and the decoder. They must never differ. */

const NAMES = ["FileSystem", "Systemd", "Containers", "Network", "Packets", "Packages"] as const;
interface Pair {
  readonly requires: readonly string[];
  /** What the topology offers. */
  readonly offers: readonly string[];
  /** What of that one host turns out not to have, and why. */
  readonly absent: Readonly<Record<string, string>>;
}
const some = fc.shuffledSubarray([...NAMES]);
const reason = fc.constantFrom("podman >= 4.4 not found", "no bus", "not enabled: ask its owner");
const pair: fc.Arbitrary<Pair> = fc.oneof(
  some.chain((offers) =>
    fc.record({
      requires: some,
      offers: fc.constant(offers),
      absent: fc.subarray(offers).chain((names) => fc.record(Object.fromEntries(names.map((name) => [name, reason])))),
    }),
  ),
  // As often as not it should fit.
  some.chain((offers) =>
    fc.record({ requires: fc.subarray(offers), offers: fc.constant(offers), absent: fc.constant({}) }),
  ),
);

const placeOf = (name: string, { offers, absent }: Pair): Topology =>
  without(topology(name, capabilities(offers)), absent);
const fits = ({ requires, offers, absent }: Pair): boolean =>
  requires.every((name) => offers.includes(name) && !(name in absent));

const capabilities = (names: readonly string[]): readonly AnyCapability[] =>
  names.map((name) => capability<object>()(name, { reads: [] }));

function scoreClass(kind: string, requires: readonly string[]): AnyScoreClass {
  return class extends Score(
    kind,
    {
      version: 1,
      requires: capabilities(requires),
      spec: z.strictObject({}),
      observed: z.object({}),
      step: z.object({}),
    },
    { identity: () => `thing:${kind}`, observe: () => ({}), plan: () => [], retire: () => [], apply: () => {} },
  ) {};
}

/** What the encoder says of a Score that came past the compiler. */
function secondGate(Class: AnyScoreClass, to: Topology): readonly string[] {
  const scores: Record<string, never> = {};
  Object.assign(scores, { thing: Class.parse({}) });
  const encoded = encode(manifest(to, scores), {
    agentId: AgentId.parse("pi-7"),
    generation: 1,
    issuedAt: new Date(0),
  });
  return encoded._tag === "Lacking" ? encoded.sentences : [];
}

/** What an agent says of a Score that came past the encoder. */
function thirdGate(Class: AnyScoreClass, at: Topology): readonly string[] {
  const decoded = decodeScore(encodeScore(Class.parse({})), { kinds: [Class], topology: at });
  if (decoded._tag === "Score") return [];
  expect(decoded.refusal.reason).toBe("MissingCapability");
  return decoded.refusal.message.split("; ");
}

test("encoder and decoder refuse what lacks() finds, in its words, and nothing else", () => {
  let fitting = 0;
  const runs = 2000;
  fc.assert(
    fc.property(pair, (each) => {
      const Class = scoreClass("Thing", each.requires);
      const place = placeOf("Place", each);
      const sentences = lacks(Class, place).map(lackSentence);
      expect(secondGate(Class, place)).toEqual(sentences);
      expect(thirdGate(Class, place)).toEqual(sentences);
      expect(sentences.length === 0).toBe(fits(each));
      fitting += sentences.length === 0 ? 1 : 0;
    }),
    { numRuns: runs },
  );
  // Both verdicts are well represented.
  expect(fitting).toBeGreaterThan(runs / 5);
  expect(fitting).toBeLessThan((runs * 4) / 5);
});

test("a sender that claims fewer requirements than there are does not get past the decoder", () => {
  fc.assert(
    fc.property(pair, some, (each, claimed) => {
      const Class = scoreClass("Thing", each.requires);
      const wire = { ...encodeScore(Class.parse({})), requires: claimed };
      const decoded = decodeScore(wire, { kinds: [Class], topology: placeOf("Place", each) });
      const honest = claimed.toSorted().join() === each.requires.toSorted().join();
      const wanted = !honest ? "RequiresMismatch" : fits(each) ? "Accepted" : "MissingCapability";
      expect(decoded._tag === "Refused" ? decoded.refusal.reason : "Accepted").toBe(wanted);
    }),
    { numRuns: 500 },
  );
});

/** A source file in which each pair has a manifest, in a line of its own. */
function source(pairs: readonly Pair[]): { readonly text: string; readonly lineOf: (index: number) => number } {
  const head = [
    'import { capability, compose, manifest, Score, topology, without } from "harmony-edge";',
    'import * as z from "zod";',
    ...NAMES.map((name) => `const ${name} = capability<{ look(): void }>()("${name}", { reads: ["look"] });`),
    "const spec = z.strictObject({});",
    "const observed = z.object({});",
    "const step = z.object({});",
    'const how = { identity: () => "a:b", observe: () => ({}), plan: () => [], retire: () => [], apply: () => {} };',
    ...pairs.map(
      ({ requires }, at) =>
        `class K${at} extends Score("K${at}", { version: 1, requires: [${requires.join(", ")}], spec, observed, step }, how) {}`,
    ),
    ...pairs.map(
      ({ offers, absent }, at) =>
        `const P${at} = without(topology("P${at}", [${offers.join(", ")}]), ${JSON.stringify(absent)});`,
    ),
  ];
  const lines = [...head, ...pairs.map((_, at) => `export const m${at} = manifest(P${at}, { thing: ${placed(at)} });`)];
  return { text: `${lines.join("\n")}\n`, lineOf: (index) => head.length + index + 1 };
}

/** A Score by itself, and as a part of a composition, and as a part of a part. */
const placed = (at: number): string =>
  [
    `new K${at}({})`,
    `compose("C", { part: new K${at}({}) })`,
    `compose("C", { c: compose("D", { part: new K${at}({}) }) })`,
  ][at % 3] ?? "";

const SEED = 20_261_123;
const PAIRS = 300;

describe(`of ${PAIRS} pairs of a Score and a topology, made from the seed ${SEED},`, () => {
  const pairs = fc.sample(pair, { numRuns: PAIRS, seed: SEED });
  const wanted = pairs.map((each, at) =>
    lacks({ kind: `K${at}`, requires: capabilities(each.requires) }, placeOf(`P${at}`, each))
      .map(lackSentence)
      .toSorted(),
  );

  test.each(COMPILERS)(
    "%s refuses those that lacks() refuses, in the same words, and no others",
    async (compiler) => {
      const folder = mkdtempSync(join(tmpdir(), "harmony-test-gates-"));
      try {
        const { text, lineOf } = source(pairs);
        writeFileSync(join(folder, "pairs.ts"), text);
        writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
        symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
        // Else a compiler shortens what it prints of a Score that lacks six things at once.
        const compilerOptions = {
          noErrorTruncation: true,
          rootDir: "/",
          paths: { "harmony-edge": [resolve("src/index.ts")] },
        };
        writeFileSync(
          join(folder, "tsconfig.json"),
          JSON.stringify({ extends: resolve("tsconfig.json"), compilerOptions, include: ["pairs.ts"], exclude: [] }),
        );

        const errors = (await compile(compiler, folder)).filter(({ file }) => file.endsWith("pairs.ts"));
        const found = pairs.map((_, at) =>
          errors
            .filter(({ line }) => line === lineOf(at))
            .flatMap(({ message }) => message.match(/\w+Score requires \w+, which \w+ lacks(: [^"]+)?/g) ?? [])
            .toSorted(),
        );
        expect(found).toEqual(wanted);
        expect(errors).toHaveLength(wanted.filter((sentences) => sentences.length > 0).length);
        expect(errors.filter(({ code }) => code !== "TS2322")).toEqual([]);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    120_000,
  );

  test("many fit and many do not", () => {
    const fitting = wanted.filter((sentences) => sentences.length === 0).length;
    expect(fitting).toBeGreaterThan(PAIRS / 5);
    expect(fitting).toBeLessThan((PAIRS * 4) / 5);
  });
});
