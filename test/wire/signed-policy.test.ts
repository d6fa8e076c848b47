import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AgentId } from "../../src/wire/keys.ts";
import { ceilingsOver, denialsOf } from "../../src/wire/policy-rules.ts";
import { sign } from "../../src/wire/signature.ts";
import {
  nameOf,
  type PolicyStatement,
  readSignedPolicy,
  SignedPolicy,
  signPolicy,
  type TakenPolicy,
} from "../../src/wire/signed-policy.ts";
import { asked, policyOf, rules } from "./policies.ts";

const owner = generateKeyPairSync("ed25519");
const stranger = generateKeyPairSync("ed25519");
const agentId = AgentId.parse("pi-7");
const now = new Date("2026-06-01T00:00:00.000Z");
const keys = new Map([["owner", owner.publicKey]]);
const by = (before: TakenPolicy | null = null) => ({ keys, agentId, before, now });

const statement = (more: Partial<PolicyStatement> = {}): PolicyStatement => ({
  agent: "*",
  serial: 5,
  issuedAt: "2026-05-01T00:00:00.000Z",
  rules: { paths: ["/srv"] },
  ...more,
});
const bytesOf = (document: unknown): Uint8Array => Buffer.from(JSON.stringify(document));
const signed = (more: Partial<PolicyStatement> = {}, privateKey = owner.privateKey): Uint8Array =>
  bytesOf(signPolicy(statement(more), [{ key: "owner", privateKey }]));
const taken = (bytes: Uint8Array): TakenPolicy => {
  const read = readSignedPolicy(bytes, by());
  if (read._tag !== "Taken") throw new Error(read.refusal.message);
  return read.policy;
};
const reasonOf = (bytes: Uint8Array, before: TakenPolicy | null = null): string => {
  const read = readSignedPolicy(bytes, by(before));
  return read._tag === "Taken" ? "Taken" : read.refusal.reason;
};

describe("a signed policy", () => {
  test("is taken where a policy key signed it for this agent or for all, and says who signed it", () => {
    expect(nameOf(taken(signed()))).toBe("signed by owner, serial 5");
    expect(reasonOf(signed({ agent: agentId }))).toBe("Taken");
    expect(reasonOf(signed({ serial: 6 }), taken(signed()))).toBe("Taken");
    expect(reasonOf(signed(), taken(signed()))).toBe("Taken");
  });

  test("is refused by name where anything about it is wrong", () => {
    const before = taken(signed());
    expect(reasonOf(signed({}, stranger.privateKey))).toBe("BadSignature");
    expect(reasonOf(signed({ agent: AgentId.parse("pi-8") }))).toBe("WrongAgent");
    expect(reasonOf(signed({ serial: 4 }), before)).toBe("StaleSerial");
    expect(reasonOf(signed({ rules: {} }), before)).toBe("StaleSerial");
    expect(reasonOf(signed({ notAfter: "2026-05-31T00:00:00.000Z" }))).toBe("Expired");
    for (const text of ["", "{", "[]", '{"policy":2}', "x".repeat(600_000), `{"policy":${"[".repeat(9000)}`]) {
      expect(reasonOf(Buffer.from(text))).toBe("Malformed");
    }
    expect(
      reasonOf(
        bytesOf(
          signPolicy({ ...statement(), rules: { path: [] } } as never, [
            { key: "owner", privateKey: owner.privateKey },
          ]),
        ),
      ),
    ).toBe("Malformed");
  });

  test("cannot be made of what the same key signed as a manifest", () => {
    const payload = JSON.stringify(statement());
    const signature = sign(payload, "owner", owner.privateKey);
    expect(reasonOf(bytesOf({ policy: 1, payload, signatures: [signature] }))).toBe("BadSignature");
  });

  test("that was taken holds on when its time to be taken is over", () => {
    const bytes = signed({ notAfter: "2026-06-02T00:00:00.000Z" });
    const late = { keys, agentId, before: taken(bytes), now: new Date("2027-01-01") };
    expect(readSignedPolicy(bytes, late)._tag).toBe("Taken");
    expect(readSignedPolicy(bytes, { ...late, before: null, now: null })._tag).toBe("Taken");
  });

  test("with one byte changed is not taken as anything else", () => {
    const good = signed();
    let refusals = 0;
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const spoilt = Uint8Array.from(good, (byte, place) => (place === at ? byte ^ mask : byte));
        const read = readSignedPolicy(spoilt, by());
        // Of the padding of base64 some bits mean nothing.
        if (read._tag === "Taken") expect(read.policy.statement).toEqual(taken(good).statement);
        else refusals += 1;
      }),
    );
    expect(refusals).toBeGreaterThan(90);
  });

  test("whatever bytes come, gives an answer", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void expect(reasonOf(bytes)).toBe("Malformed")),
    );
    fc.assert(
      fc.property(fc.json(), (payload) => {
        const document = SignedPolicy.parse({
          ...signPolicy(statement(), [{ key: "owner", privateKey: owner.privateKey }]),
          payload,
        });
        expect(reasonOf(bytesOf(document))).toBe("BadSignature");
      }),
    );
  });
});

test("adding a signed policy never allows more, whatever the others say and it says", () => {
  const sentences = (all: readonly { readonly sentence: string }[]): readonly string[] =>
    all.map(({ sentence }) => sentence);
  const size = fc.record({ scores: fc.nat(6), manifestBytes: fc.nat(2000), diskBytes: fc.nat(90) });
  let stricter = 0;
  fc.assert(
    fc.property(fc.array(rules, { maxLength: 2 }), rules, asked, size, (local, its, score, whole) => {
      const policy = taken(signed({ rules: its }));
      const before = policyOf(...local);
      const after = {
        ...before,
        policies: [...before.policies, { name: nameOf(policy), rules: policy.statement.rules }],
      };
      const [was, is] = [denialsOf(score, before), denialsOf(score, after)];
      expect(sentences(is)).toEqual(expect.arrayContaining([...sentences(was)]));
      expect(sentences(ceilingsOver(whole, after))).toEqual(
        expect.arrayContaining([...sentences(ceilingsOver(whole, before))]),
      );
      if (is.length > was.length) stricter += 1;
    }),
  );
  expect(stricter).toBeGreaterThan(10);
});
