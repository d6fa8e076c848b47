import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { decodePayload, type DecodedScore, type Gate, openEnvelope } from "../../src/wire/decode.ts";
import { encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MANIFEST_REFUSALS, type ManifestRefusal, SCORE_REFUSALS, type ScoreRefusal } from "../../src/wire/refusal.ts";
import { EverythingScore, everythingSpec } from "./everything-score.ts";
import { AGENT, envelopeBytes, file, payloadText, wireScore } from "./wire-text.ts";

const gate: Gate = {
  agentId: AgentId.parse(AGENT),
  kinds: [...KINDS, EverythingScore],
  topology: PiTopology,
  trustedKeys: new Map(),
};

const isTold = ({ reason, message }: ManifestRefusal | ScoreRefusal, reasons: readonly string[]): boolean =>
  reasons.includes(reason) && message.length > 0 && message.length <= 1003;

/** Whether it is one of all that may come out. */
const isKnown = (score: DecodedScore): boolean =>
  score._tag === "Refused"
    ? isTold(score.refusal, SCORE_REFUSALS)
    : gate.kinds.some(({ kind, version }) => kind === score.score.kind && version === score.score.version);

/** The same of a whole manifest, for anything that goes in. */
function isUnderstood(bytes: Uint8Array): boolean {
  const opened = openEnvelope(bytes);
  const result = opened._tag === "Inline" ? decodePayload(opened.payload, opened.signatures, gate, null) : opened;
  if (result._tag === "Refused") return isTold(result.refusal, MANIFEST_REFUSALS);
  return result._tag === "Asset" || [...result.manifest.scores.values()].every(isKnown);
}

const everything = everythingSpec.map((spec): unknown =>
  JSON.parse(JSON.stringify(encodeScore(new EverythingScore(spec)))),
);
const payloads = fc.oneof(
  everything.map((score) => payloadText({ a: score, b: file("/srv/b", { after: ["a"] }) })),
  fc.constant(
    payloadText({
      a: file("/srv/a"),
      b: wireScore("Directory", ["FileSystemHost"], { path: "/srv/b" }, { after: ["a"] }),
    }),
  ),
);

/** Cuts a piece out of a list of bytes or a text, and puts another one in. */
const edits = <T>(added: fc.Arbitrary<T>): fc.Arbitrary<{ at: number; drop: number; add: T }[]> =>
  fc.array(fc.record({ at: fc.nat(), drop: fc.nat({ max: 12 }), add: added }), { minLength: 1, maxLength: 4 });

describe("nothing is thrown, and what comes out is a refusal or a Score of a known kind, for", () => {
  test("any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(isUnderstood(bytes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("any text as payload", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.json()), (payload) => {
        expect(isUnderstood(envelopeBytes(payload))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a good envelope with bytes that were changed, cut out or spliced in", () => {
    fc.assert(
      fc.property(payloads, edits(fc.uint8Array({ maxLength: 6 })), (payload, made) => {
        const bytes = [...envelopeBytes(payload)];
        for (const { at, drop, add } of made) bytes.splice(at % bytes.length, drop, ...add);
        expect(isUnderstood(Uint8Array.from(bytes))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("a good payload with characters that were changed, cut out or spliced in", () => {
    const token = fc.oneof(
      fc.constantFrom('"', "{", "}", "[", "]", ",", ":", "\\", "0", "null", "1e999", '"__proto__":'),
      fc.string({ maxLength: 3 }),
    );
    fc.assert(
      fc.property(payloads, edits(token), (payload, made) => {
        let text = payload;
        for (const { at, drop, add } of made) {
          const from = at % text.length;
          text = `${text.slice(0, from)}${add}${text.slice(from + drop)}`;
        }
        expect(isUnderstood(envelopeBytes(text))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("a good envelope cut off anywhere", () => {
    const bytes = envelopeBytes(payloadText({ a: file("/srv/a") }));
    const tags = Array.from(bytes, (_, length) => openEnvelope(bytes.subarray(0, length))._tag);
    expect(new Set(tags)).toEqual(new Set(["Refused"]));
  });

  test("any JSON in the place of any field", () => {
    const json = fc.oneof(
      fc.jsonValue({ maxDepth: 3 }),
      fc.constantFrom(null, -1, 0, 1, 1e300, "", "File", [], {}, ["FileSystemHost"]),
    );
    fc.assert(
      fc.property(everything, fc.nat(), json, (score, at, value) => {
        const whole: unknown = JSON.parse(
          payloadText({ a: score, b: file("/srv/b", { after: ["a"], restartOn: ["a"] }) }),
        );
        const places = placesOf(whole);
        const place = places[at % places.length];
        if (place !== undefined) place.parent[place.key] = value;
        expect(isUnderstood(envelopeBytes(JSON.stringify(whole)))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

type Parent = Record<string, unknown>;
/** Each field of each object and each place of each list, all the way down. */
function placesOf(value: unknown): { readonly parent: Parent; readonly key: string }[] {
  if (!isParent(value)) return [];
  return Object.keys(value).flatMap((key) => [{ parent: value, key }, ...placesOf(value[key])]);
}
const isParent = (value: unknown): value is Parent => typeof value === "object" && value !== null;
