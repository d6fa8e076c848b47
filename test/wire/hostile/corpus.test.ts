import { describe, expect, test } from "vitest";
import { KINDS } from "../../../src/scores/index.ts";
import { PiTopology } from "../../../src/topology/pi.ts";
import { type Decoded, decodePayload, type Gate, type Opened, openEnvelope } from "../../../src/wire/decode.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { MANIFEST_REFUSALS, SCORE_REFUSALS } from "../../../src/wire/refusal.ts";
import { AGENT } from "../wire-text.ts";
import { CORPUS, type Expected, type HostileCase, trustedKeys } from "./corpus.ts";

const gate: Gate = { agentId: AgentId.parse(AGENT), kinds: KINDS, topology: PiTopology, trustedKeys: new Map() };

function decode({ bytes, asksForSignature }: HostileCase): Decoded | Opened {
  const opened = openEnvelope(bytes());
  if (opened._tag !== "Inline") return opened;
  const asking = asksForSignature === true ? { ...gate, trustedKeys } : gate;
  return decodePayload(opened.payload, opened.signatures, asking, null);
}

/** What came of it, in the words of the corpus. An asset that is named is not there: that is for the agent to see. */
function outcome(result: Decoded | Opened): Expected {
  if (result._tag === "Refused") return result.refusal.reason;
  if (result._tag !== "Decoded") return "MissingPayload";
  const { scores } = result.manifest;
  return Object.fromEntries(
    [...scores].map(([id, score]) => [id, score._tag === "Score" ? "Accepted" : score.refusal.reason]),
  );
}

function messages(result: Decoded | Opened): readonly string[] {
  if (result._tag === "Refused") return [result.refusal.message];
  if (result._tag !== "Decoded") return [];
  return [...result.manifest.scores.values()].flatMap((score) =>
    score._tag === "Refused" ? [score.kind, score.refusal.message] : [],
  );
}

describe("a decoder that is fed what somebody made up to break it", () => {
  test.each(CORPUS)("says what it should of $name", (hostile) => {
    const before = Object.getOwnPropertyNames(Object.prototype).join();
    const result = decode(hostile);
    expect(outcome(result)).toEqual(hostile.expect);
    for (const message of messages(result)) {
      expect(message).not.toBe("");
      expect(message.length).toBeLessThanOrEqual(1003);
      // A status travels to readers that would choke on half a surrogate pair.
      expect(Buffer.from(message).toString()).toBe(message);
    }
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });
});

describe("the corpus", () => {
  test("has each refusal that the decoder knows", () => {
    const seen = new Set(
      CORPUS.flatMap(({ expect: wanted }) => (typeof wanted === "string" ? [wanted] : Object.values(wanted))),
    );
    // What is stale depends on what is in force, what is denied on the device, and what can be opened on its keys, and the
    // corpus knows nothing of any of them.
    const elsewhere = new Set<string>([
      "StaleGeneration",
      "PolicyDenied",
      "KeyExpired",
      "KeyNotYetValid",
      "ThresholdNotMet",
      ...SCORE_REFUSALS.filter((reason) => reason.startsWith("Secret")),
    ]);
    const all = [...MANIFEST_REFUSALS, ...SCORE_REFUSALS, "Accepted"].filter((reason) => !elsewhere.has(reason));
    expect([...seen].toSorted()).toEqual(all.toSorted());
  });

  test("is large, and tells its cases apart by name", () => {
    expect(CORPUS.length).toBeGreaterThanOrEqual(200);
    expect(new Set(CORPUS.map(({ name }) => name)).size).toBe(CORPUS.length);
  });
});
