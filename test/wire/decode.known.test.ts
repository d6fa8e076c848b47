import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FileScore, KINDS } from "../../src/scores/index.ts";
import { manifest } from "../../src/topology/manifest.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { decodePayload, type DecodedManifest, type Gate } from "../../src/wire/decode.ts";
import { encode } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";

const agentId = AgentId.parse("pi-1");
const gate: Gate = { agentId, kinds: KINDS, topology: PiTopology, trustedKeys: new Map() };

interface Wanted {
  readonly content: string;
  readonly path: string;
  readonly isAfter: boolean;
}

/** Manifests that share much with each other: few ids, paths and contents, and sometimes an order. */
const manifests = fc.dictionary(
  fc.constantFrom("a", "b", "c"),
  fc.record({ content: fc.constantFrom("1", "2"), path: fc.constantFrom("/x", "/y", "/z"), isAfter: fc.boolean() }),
  { minKeys: 1 },
);

function payloadOf(generation: number, wanted: Readonly<Record<string, Wanted>>): string {
  const seen = new Set<string>();
  // Two Scores about one path are no manifest.
  const given = Object.entries(wanted).filter(([, { path }]) => !seen.has(path) && seen.add(path));
  const ids = given.map(([id]) => id);
  const after = Object.fromEntries(
    given.flatMap(([id, { isAfter }], nth) => (isAfter && nth > 0 ? [[id, ids.slice(0, 1)]] : [])),
  );
  const scores = Object.fromEntries(given.map(([id, { path, content }]) => [id, new FileScore({ path, content })]));
  const encoded = encode(manifest(PiTopology, scores, { after }), { agentId, generation, issuedAt: new Date(0) });
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  return encoded.payload;
}

function decode(payload: string, known?: DecodedManifest["scores"]): DecodedManifest {
  const decoded = decodePayload(payload, [], gate, null, known);
  if (decoded._tag !== "Decoded") throw new Error(decoded.refusal.message);
  return decoded.manifest;
}

const plain = (scores: DecodedManifest["scores"]): unknown =>
  [...scores].map(([id, each]) => (each._tag === "Score" ? [id, { ...each, score: each.score.spec }] : [id, each]));

test("what was decoded before makes no difference to what a manifest is decoded to", () => {
  fc.assert(
    fc.property(manifests, manifests, (before, now) => {
      const known = decode(payloadOf(1, before)).scores;
      const payload = payloadOf(2, now);
      expect(plain(decode(payload, known).scores)).toEqual(plain(decode(payload).scores));
    }),
  );
});

test("a Score that comes again as it was is the same object, and any other is not", () => {
  const file = (content: string) => ({ content, path: `/${content}`, isAfter: false });
  const known = decode(payloadOf(1, { a: file("a"), b: file("b"), c: file("c") })).scores;
  const again = decode(
    payloadOf(2, { a: file("a"), b: file("other"), c: { ...file("c"), isAfter: true } }),
    known,
  ).scores;

  expect(again.get("a")).toBe(known.get("a"));
  expect(again.get("b")).not.toBe(known.get("b"));
  expect(again.get("c")).toMatchObject({ after: ["a"] });
});
