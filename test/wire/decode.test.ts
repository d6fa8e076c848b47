import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { canonicalize } from "json-canonicalize";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { FileScore, KINDS } from "../../src/scores/index.ts";
import { Score } from "../../src/scores/score.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import {
  type Decoded,
  decodePayload,
  decodeScore,
  type Gate,
  type InForce,
  openEnvelope,
  type Opened,
} from "../../src/wire/decode.ts";
import { encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { EverythingScore, everythingSpec } from "./everything-score.ts";
import { AGENT, bytesOf, file, payloadText, wireScore } from "./wire-text.ts";

const gate: Gate = {
  agentId: AgentId.parse(AGENT),
  kinds: [...KINDS, EverythingScore],
  topology: PiTopology,
  trustedKeys: new Map(),
};
const asking: Gate = { ...gate, trustedKeys: new Map([["ops", generateKeyPairSync("ed25519").publicKey]]) };

const decode = (payload: string, inForce: InForce | null = null, at: Gate = gate): Decoded =>
  decodePayload(payload, [], at, inForce);
const scoreRefusal = (score: unknown): string => {
  const decoded = decodeScore(score, gate);
  return decoded._tag === "Refused" ? decoded.refusal.reason : "Accepted";
};
const refusal = (result: Decoded | Opened): string => (result._tag === "Refused" ? result.refusal.reason : result._tag);
const message = (result: Decoded | Opened): string => (result._tag === "Refused" ? result.refusal.message : "");

describe("the guards stand in this order:", () => {
  const tooMuch = 4 * 1024 * 1024 + 1;

  test("the size comes before the bytes are read at all", () => {
    expect(openEnvelope(new Uint8Array(tooMuch).fill(0xff))).toMatchObject({
      refusal: { reason: "TooLarge", message: "4194305 bytes, at most 4194304", generation: null },
    });
  });

  test("depth and number come before it is parsed", () => {
    expect(message(openEnvelope(bytesOf("[".repeat(100))))).toBe("nested deeper than 8");
    expect(message(openEnvelope(bytesOf(`[${",".repeat(1000)}`)))).toBe("more than 256 values");
    expect(message(decode("[".repeat(100)))).toBe("nested deeper than 64");
    expect(message(openEnvelope(bytesOf("[,]")))).toMatch(/^not JSON: /);
  });

  test("forbidden keys come before the fields", () => {
    expect(message(openEnvelope(bytesOf('{"prototype":1,"wire":7}')))).toBe('the key "prototype" is forbidden');
    expect(message(openEnvelope(bytesOf('{"wire":7,"payload":"","signatures":[]}')))).toBe(
      "the envelope: \u2716 Invalid input: expected 1\n  \u2192 at wire",
    );
  });

  test("the payload's size comes before its signature", () => {
    expect(refusal(decode("x".repeat(tooMuch), null, asking))).toBe("TooLarge");
    // In bytes, not in characters.
    expect(refusal(decode("\u00e9".repeat(Math.ceil(tooMuch / 2)), null, asking))).toBe("TooLarge");
  });

  test("the signature comes before the payload is parsed", () => {
    expect(decode("no JSON", null, asking)).toEqual({
      _tag: "Refused",
      refusal: {
        reason: "Unsigned",
        message: "there is no signature, and this agent asks for one: it trusts ops",
        generation: null,
      },
    });
  });

  test("the form of the payload comes before whom it is for, and that before its generation", () => {
    const inForce = { generation: 9, payload: "" };
    expect(refusal(decode(payloadText({}, { agentId: "pi-8", extra: 1 }), inForce))).toBe("Malformed");
    expect(refusal(decode(payloadText({}, { agentId: "pi-8" }), inForce))).toBe("WrongAgent");
    expect(refusal(decode(payloadText([], { generation: 1 }), inForce))).toBe("Malformed");
    expect(refusal(decode(payloadText({ "A B": 1 }), inForce))).toBe("StaleGeneration");
  });

  test("the number of Scores comes before their ids, and these before any Score", () => {
    const ids = Array.from({ length: 2001 }, (_, n) => [`S ${n}`, null]);
    expect(refusal(decode(payloadText(Object.fromEntries(ids))))).toBe("TooLarge");
    expect(decode(payloadText({ "A B": null }))).toMatchObject({
      refusal: { reason: "Malformed", message: '"A B" is no Score id', generation: 1 },
    });
  });

  test("kind, version, requirements, capabilities and spec come one after the other", () => {
    const wrongSpec = { json: 7, meta: { values: { x: ["regexp"] }, v: 1 } };
    const wrong = { kind: "Nothing", version: 9, requires: ["Nothing"], spec: wrongSpec };
    expect(scoreRefusal({ ...wrong, extra: 1 })).toBe("MalformedScore");
    expect(scoreRefusal(wrong)).toBe("UnknownKind");
    expect(scoreRefusal({ ...wrong, kind: "K8sDeployment" })).toBe("UnsupportedVersion");
    expect(scoreRefusal({ ...wrong, kind: "K8sDeployment", version: 1 })).toBe("RequiresMismatch");
    expect(scoreRefusal({ ...wrong, kind: "K8sDeployment", version: 1, requires: ["K8sClient"] })).toBe(
      "MissingCapability",
    );
    expect(scoreRefusal({ ...wrong, kind: "File", version: 1, requires: ["FileSystemHost"] })).toBe("InvalidSpec");
    expect(scoreRefusal(file("/srv/a"))).toBe("Accepted");
  });

  test("the size of a spec comes before it is made anything of", () => {
    const spec = { json: { path: "9".repeat(300_000) }, meta: { values: { path: ["regexp"] }, v: 1 } };
    expect(decodeScore(file("", { spec }), gate)).toMatchObject({
      refusal: { message: "File@1: the spec is 300011 characters of JSON" },
    });
  });
});

describe("generations only rise:", () => {
  const payload = payloadText({ a: file("/srv/a") }, { generation: 7 });

  test.each([
    ["none is in force", null, "Decoded"],
    ["an older one is in force", { generation: 6, payload: "" }, "Decoded"],
    ["the very same text is in force", { generation: 7, payload }, "Decoded"],
    [
      "the same generation is in force, and its text is not known any more",
      { generation: 7, payload: null },
      "Decoded",
    ],
    ["the same generation is in force with another text", { generation: 7, payload: `${payload} ` }, "StaleGeneration"],
    ["a newer one is in force", { generation: 8, payload }, "StaleGeneration"],
  ])("when %s", (_, inForce, wanted) => {
    const decoded = decode(payload, inForce);
    expect(refusal(decoded)).toBe(wanted);
    expect(decoded._tag === "Refused" ? decoded.refusal.generation : 7).toBe(7);
  });
});

const text = (score: unknown): string => {
  const decoded = decodeScore(score, gate);
  return decoded._tag === "Refused" ? decoded.refusal.message : "";
};

describe("a Score that is refused", () => {
  test("tells what this agent knows, requires and lacks", () => {
    const known = KINDS.map(({ kind, version }) => `${kind}@${version}`).join(", ");
    expect(text({ ...file("/srv/a"), kind: "Fire" })).toBe(
      `this agent does not know the kind "Fire"; it knows ${known}, Everything@3`,
    );
    expect(text({ ...file("/srv/a"), version: 2 })).toBe("this agent does not know File@2; it knows File@1");
    expect(text({ ...file("/srv/a"), requires: [] })).toBe(
      "the sender says that File@1 requires nothing; it requires FileSystemHost",
    );
    expect(text(wireScore("K8sDeployment", ["K8sClient"], {}))).toBe(
      "K8sDeploymentScore requires K8sClient, which PiTopology lacks",
    );
  });

  test("names every field of its spec that is wrong", () => {
    const told = text(file("/srv/a", { spec: { json: { path: "a", content: 1, mode: "7", sudo: true } } }));
    for (const part of ["File@1", "at path", "at content", "at mode", '"sudo"']) expect(told).toContain(part);
  });

  test("keeps its kind and version, where they can be read", () => {
    expect(decodeScore({ ...file("/srv/a"), version: 2 }, gate)).toMatchObject({ kind: "File", version: 2 });
    expect(decodeScore({ kind: "File" }, gate)).toMatchObject({ kind: "File", version: 0 });
    expect(decodeScore([], gate)).toMatchObject({ kind: "?", version: 0 });
  });

  test("by an error that its kind may not throw costs nobody else anything", () => {
    class RudeScore extends Score(
      "Rude",
      {
        version: 1,
        requires: [],
        spec: z.strictObject({ how: z.string() }),
        observed: z.object({}),
        step: z.object({}),
      },
      {
        identity: ({ how }) => {
          throw new TypeError(how);
        },
        observe: () => ({}),
        plan: () => [],
        retire: () => [],
        apply: () => {},
      },
    ) {}
    const decoded = decode(payloadText({ a: wireScore("Rude", [], { how: "oops" }), b: file("/srv/b") }), null, {
      ...gate,
      kinds: [...KINDS, RudeScore],
    });
    expect(decoded).toMatchObject({ _tag: "Decoded" });
    if (decoded._tag !== "Decoded") return;
    expect(decoded.manifest.scores.get("a")).toMatchObject({
      refusal: { reason: "InvalidSpec", message: "Rude@1: TypeError: oops" },
    });
    expect(decoded.manifest.scores.get("b")).toMatchObject({ _tag: "Score", identity: "path:/srv/b" });
  });
});

/** The same value with the keys of every object in another order. */
const shuffled = (value: unknown, order: readonly number[]): unknown => {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((each) => shuffled(each, order));
  const entries = Object.entries(value).map(([key, inner], at) => ({
    key,
    inner,
    rank: order[at % order.length] ?? 0,
  }));
  return Object.fromEntries(
    entries.toSorted((a, b) => a.rank - b.rank).map(({ key, inner }) => [key, shuffled(inner, order)]),
  );
};

const digest = (wire: unknown): unknown => {
  const decoded = decodeScore(wire, gate);
  return decoded._tag === "Score" ? decoded.digest : decoded;
};

describe("the digest of a Score", () => {
  test("does not depend on the order of keys", () => {
    fc.assert(
      fc.property(everythingSpec, fc.array(fc.integer(), { minLength: 1 }), (spec, order) => {
        const wire = JSON.parse(JSON.stringify(encodeScore(new EverythingScore(spec))));
        expect(digest(shuffled(wire, order))).toBe(digest(wire));
        expect(digest(wire)).toMatch(/^sha256:[0-9a-f]{64}$/);
      }),
    );
  });

  test("tells two specs apart, and is the same for one", () => {
    fc.assert(
      fc.property(everythingSpec, everythingSpec, (one, two) => {
        const [first, second] = [encodeScore(new EverythingScore(one)), encodeScore(new EverythingScore(two))];
        expect(digest(first)).toBe(digest(structuredClone(first)));
        expect(digest(first) === digest(second)).toBe(canonicalize(first) === canonicalize(second));
      }),
    );
  });

  test("does not depend on order between Scores, and depends on kind and version", () => {
    expect(digest(file("/srv/a", { after: ["b"], restartOn: ["c"] }))).toBe(digest(file("/srv/a")));
    const like = ({ kind, version }: { readonly kind: string; readonly version: number }): unknown => {
      const { requires, schema } = FileScore;
      const other = { kind, version, requires, schema, parse: (spec: unknown) => FileScore.parse(spec) };
      return decodeScore(file("/srv/a", { kind, version }), { ...gate, kinds: [other] });
    };
    expect(like({ kind: "File", version: 1 })).toMatchObject({ digest: digest(file("/srv/a")) });
    expect(like({ kind: "File", version: 2 })).not.toMatchObject({ digest: digest(file("/srv/a")) });
    expect(like({ kind: "Copy", version: 1 })).not.toMatchObject({ digest: digest(file("/srv/a")) });
  });
});
