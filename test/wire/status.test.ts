import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type * as z from "zod";
import { AgentId } from "../../src/wire/keys.ts";
import {
  AgentStatus,
  CapabilitiesDocument,
  Condition,
  CONDITION_TYPES,
  Heartbeat,
  PlanReply,
  readDocument,
  SCORE_STATES,
  ScoreError,
  writeDocument,
} from "../../src/wire/status.ts";
import { bytesOf } from "./wire-text.ts";

const agentId = fc.stringMatching(/^[a-z0-9]{1,8}$/).map((id) => AgentId.parse(id));
const text = fc.string({ unit: "binary", maxLength: 20 });
const count = fc.nat();
const at = fc
  .date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true })
  .map((date) => date.toISOString());
/** Without keys that a reader drops, because they would reach into a prototype. */
const json = fc
  .jsonValue({ maxDepth: 3 })
  .filter((value) => !JSON.stringify(value).includes("__proto__"))
  .map(plain);
const id = fc.stringMatching(/^[a-z0-9-]{1,8}$/);

/** As it is after the wire, where there is one zero. */
function plain(value: unknown): ScoreError["step"] {
  const copy: ScoreError["step"] = JSON.parse(JSON.stringify(value));
  return copy;
}

const error: fc.Arbitrary<ScoreError> = fc.record({
  reason: fc.constantFrom(...ScoreError.shape.reason.options),
  message: text,
  during: fc.constantFrom(...ScoreError.shape.during.options),
  step: json,
  blame: fc.constantFrom("author", "device", "platform"),
  next: text,
  retryable: fc.boolean(),
});
const condition = fc.record({
  type: fc.constantFrom(...CONDITION_TYPES),
  status: fc.constantFrom("True", "False", "Unknown"),
  reason: fc.constantFrom(...Condition.shape.reason.options),
  message: text,
  since: at,
});
const scoreStatus = fc.record({
  kind: text,
  version: count,
  digest: text,
  generation: count,
  state: fc.constantFrom(...SCORE_STATES),
  outcome: fc.constantFrom("SUCCESS", "NOOP", "FAILURE", null),
  change: fc.constantFrom("intentional", "corrective", null),
  since: at,
  details: json,
  error: fc.option(error),
  attempts: count,
  retryAfter: fc.option(at),
  blockedOn: fc.array(id),
});
const status: fc.Arbitrary<AgentStatus> = fc.record(
  {
    agentId,
    generation: count,
    observedGeneration: count,
    observedRevision: count,
    epoch: count,
    conditions: fc.array(condition),
    scores: fc.dictionary(id, scoreStatus),
    agent: fc.record({ version: text, bootId: text, topology: text }),
    truncated: fc.boolean(),
  },
  {
    requiredKeys: [
      "agentId",
      "generation",
      "observedGeneration",
      "observedRevision",
      "epoch",
      "conditions",
      "scores",
      "agent",
    ],
  },
);
const heartbeat: fc.Arbitrary<Heartbeat> = fc.record({
  agentId,
  bootId: text,
  epoch: count,
  sequence: count,
  uptimeMs: count,
  agentVersion: text,
  observedGeneration: count,
  at,
});
const capabilities: fc.Arbitrary<CapabilitiesDocument> = fc.record({
  agentId,
  topology: text,
  capabilities: fc.dictionary(id, fc.dictionary(id, json)),
  kinds: fc.dictionary(id, fc.array(count)),
  agentVersion: text,
});
const planReply: fc.Arbitrary<PlanReply> = fc.oneof(
  fc.record({
    _tag: fc.constant("Refused"),
    reason: fc.constantFrom("TooLarge", "Malformed", "StaleGeneration"),
    message: text,
  }),
  fc.record({
    _tag: fc.constant("Plan"),
    agentId,
    generation: count,
    scores: fc.dictionary(
      id,
      fc.oneof(
        fc.record({ would: fc.constant("NOOP"), kind: text, observed: json }),
        fc.record({ would: fc.constantFrom("CHANGE", "RETIRE"), kind: text, observed: json, steps: fc.array(json) }),
        fc.record({ would: fc.constantFrom("FAIL", "REFUSE"), kind: text, error }),
      ),
    ),
  }),
);

const comesBack = <T extends Parameters<typeof writeDocument>[0]>(
  schema: z.ZodType<T>,
  documents: fc.Arbitrary<T>,
): void =>
  fc.assert(
    fc.property(documents, (document) => {
      expect(readDocument(schema, writeDocument(document))).toEqual({ _tag: "Read", document });
    }),
  );

describe("a document comes back as it was written:", () => {
  test("a status", () => {
    expect.hasAssertions();
    comesBack(AgentStatus, status);
  });
  test("a heartbeat", () => {
    expect.hasAssertions();
    comesBack(Heartbeat, heartbeat);
  });
  test("capabilities", () => {
    expect.hasAssertions();
    comesBack(CapabilitiesDocument, capabilities);
  });
  test("a plan", () => {
    expect.hasAssertions();
    comesBack(PlanReply, planReply);
  });
});

const SCHEMAS = { AgentStatus, Heartbeat, CapabilitiesDocument, PlanReply };

describe.each(Object.entries(SCHEMAS))("reading anything as %s", (_, schema: z.ZodType) => {
  const unreadable = (bytes: Uint8Array): string => {
    const read = readDocument(schema, bytes);
    return read._tag === "Unreadable" ? read.message : "read";
  };

  test("never throws", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), fc.json().map(bytesOf)), (bytes) => {
        expect(unreadable(bytes)).not.toBe("read");
      }),
    );
  });

  test.each([
    ["", /^not JSON: /],
    ["{", /^not JSON: /],
    ["null", /expected object|Invalid input/],
    ["[".repeat(100_000), /^nested deeper than 64$/],
    [`{"agentId":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, /^nested deeper than 64$/],
    [`{"details":${'{"a":'.repeat(5000)}1${"}".repeat(5000)}}`, /^nested deeper than 64$/],
    [`[${"0,".repeat(600_000)}0]`, /^more than 500000 values$/],
  ])("says why not", (given, message) => {
    expect(unreadable(bytesOf(given))).toMatch(message);
  });

  test("says so of bytes that are no UTF-8", () => {
    expect(unreadable(new Uint8Array([0x22, 0xff, 0x22]))).toMatch(/^not JSON: /);
  });
});

describe("a status", () => {
  const sample = fc.sample(status, { numRuns: 1, seed: 7 })[0];

  test("with a field that a later version added is read without it", () => {
    const later = bytesOf(JSON.stringify({ ...sample, mood: "good" }));
    expect(readDocument(AgentStatus, later)).toEqual({ _tag: "Read", document: sample });
  });

  test("with a value that no version knows is refused by its place", () => {
    const bad = bytesOf(JSON.stringify({ ...sample, epoch: "3" }));
    expect(readDocument(AgentStatus, bad)).toEqual({
      _tag: "Unreadable",
      message: expect.stringContaining("at epoch"),
    });
  });

  test("cannot reach into a prototype by its details", () => {
    const details = JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    const [score] = fc.sample(scoreStatus, { numRuns: 1, seed: 7 });
    const read = readDocument(
      AgentStatus,
      bytesOf(JSON.stringify({ ...sample, scores: { a: { ...score, details } } })),
    );
    expect(read._tag).toBe("Read");
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    const kept = read._tag === "Read" ? read.document.scores["a"]?.details : null;
    expect(Reflect.get(Object(kept), "polluted")).toBeUndefined();
  });

  test("tells times as ISO 8601 in UTC, and nothing else is read as one", () => {
    const [score] = fc.sample(scoreStatus, { numRuns: 1, seed: 7 });
    const read = (since: string): string =>
      readDocument(AgentStatus, bytesOf(JSON.stringify({ ...sample, scores: { a: { ...score, since } } })))._tag;
    expect(read("2026-11-23T08:00:00.000Z")).toBe("Read");
    expect(read("2026-11-23T09:00:00.000+01:00")).toBe("Unreadable");
    expect(read("2026-11-23 08:00:00")).toBe("Unreadable");
  });
});
