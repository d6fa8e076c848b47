import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { topology } from "../../src/topology/topology.ts";
import { decodePayload, type Gate, type InForce } from "../../src/wire/decode.ts";
import type { DevicePolicies, DevicePolicy } from "../../src/wire/device-policy.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { sign } from "../../src/wire/signature.ts";
import { AGENT, file, payloadText, wireScore } from "./wire-text.ts";

const NAMES = ["ada", "ben", "cyd", "dan"];
const pairs = new Map(NAMES.map((name) => [name, generateKeyPairSync("ed25519")]));
const trustedKeys = new Map([...pairs].map(([name, { publicKey }]) => [name, publicKey]));

const needs = (threshold: number, dangerous = ["Directory"]): DevicePolicy => ({
  signatures: { dangerous, threshold },
});
const device = (...rules: readonly DevicePolicy[]): DevicePolicies => ({
  reserved: { paths: [], units: [] },
  policies: rules.map((each, at) => ({ name: `policy-${at}`, rules: each })),
  unreadable: null,
});
const gate = (policy: DevicePolicies, rest: Partial<Gate> = {}): Gate => ({
  agentId: AgentId.parse(AGENT),
  kinds: KINDS,
  topology: PiTopology,
  trustedKeys,
  policy,
  ...rest,
});
const directory = wireScore("Directory", ["FileSystemHost"], { path: "/srv/d" });
const both = { f: file("/srv/f"), d: directory };

const decoded = (payload: string, by: readonly string[], given: Gate, inForce: InForce | null = null) =>
  decodePayload(
    payload,
    by.flatMap((name) => {
      const pair = pairs.get(name);
      return pair === undefined ? [] : [sign(payload, name, pair.privateKey)];
    }),
    given,
    inForce,
  );
const told = (result: ReturnType<typeof decodePayload>): unknown =>
  result._tag === "Refused"
    ? result.refusal.reason
    : Object.fromEntries(
        [...result.manifest.scores].map(([id, each]) => [id, each._tag === "Refused" ? each.refusal.reason : "ok"]),
      );

describe("a kind that the policy calls dangerous", () => {
  test("is refused with too few authors, with who signed and how many it takes; the others go on", () => {
    const result = decoded(payloadText(both), ["ada"], gate(device(needs(2))));
    expect(told(result)).toEqual({ f: "ok", d: "ThresholdNotMet" });
    const score = result._tag === "Decoded" ? result.manifest.scores.get("d") : null;
    expect(score).toMatchObject({
      refusal: {
        message:
          '"d" (Directory) needs the signatures of 2 authors by the rule "signatures" of the policy policy-0, and 1 signed, ada',
      },
    });
  });

  test("is taken by any authors who are enough by every policy, and by no fewer", () => {
    const subset = fc.subarray([...NAMES], { minLength: 1 });
    fc.assert(
      fc.property(subset, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (by, one, other) => {
        const result = decoded(payloadText(both), by, gate(device(needs(one), {}, needs(other))));
        const enough = by.length >= Math.max(one, other);
        expect(told(result)).toEqual({ f: "ok", d: enough ? "ok" : "ThresholdNotMet" });
        expect(result).toMatchObject({ manifest: { signedBy: by } });
      }),
    );
  });

  test("has no say in what is there either where its capability is away, with too few authors", () => {
    const away = gate(device(needs(2)), { topology: topology("Bare", []) });
    const wireOf = (by: readonly string[]): unknown => {
      const result = decoded(payloadText(both), by, away);
      const score = result._tag === "Decoded" ? result.manifest.scores.get("d") : undefined;
      expect(score).toMatchObject({ _tag: "Refused", refusal: { reason: "MissingCapability" } });
      return score?.wire;
    };
    expect(wireOf(["ada"])).toBeUndefined();
    expect(wireOf(["ada", "ben"])).toMatchObject({ kind: "Directory" });
  });

  test("gains nothing by one author who signs twice", () => {
    const payload = payloadText(both);
    expect(told(decoded(payload, ["ada", "ada"], gate(device(needs(2)))))).toMatchObject({ d: "ThresholdNotMet" });
    const twice = new Map([...trustedKeys, ["ada again", trustedKeys.get("ada") ?? fail()]]);
    const key = pairs.get("ada")?.privateKey ?? fail();
    const signatures = [sign(payload, "ada", key), sign(payload, "ada again", key)];
    const result = decodePayload(payload, signatures, gate(device(needs(2)), { trustedKeys: twice }), null);
    expect(told(result)).toMatchObject({ d: "ThresholdNotMet" });
  });

  test("is refused where nobody is trusted, since then nobody has signed", () => {
    const result = decoded(payloadText(both), ["ada"], gate(device(needs(1)), { trustedKeys: new Map() }));
    expect(told(result)).toEqual({ f: "ok", d: "ThresholdNotMet" });
  });

  test("counts those who signed the very same text before", () => {
    const payload = payloadText(both);
    const inForce = { generation: 1, payload, signedBy: ["ben"] };
    const result = decoded(payload, ["ada"], gate(device(needs(2))), inForce);
    expect(told(result)).toEqual({ f: "ok", d: "ok" });
    expect(result).toMatchObject({ manifest: { signedBy: ["ben", "ada"] } });
    // Of another text it says nothing.
    const other = decoded(payloadText(both, { generation: 2 }), ["ada"], gate(device(needs(2))), inForce);
    expect(told(other)).toEqual({ f: "ok", d: "ThresholdNotMet" });
  });

  test("is not dropped by fewer authors than may bring it, also not by another kind under its id", () => {
    const held = [
      { id: "d", kind: "Directory" },
      { id: "f", kind: "File" },
    ];
    const given = gate(device(needs(2)), { held });
    for (const scores of [{}, { d: file("/srv/x") }]) {
      expect(told(decoded(payloadText(scores), ["ada"], given))).toBe("ThresholdNotMet");
      expect(decoded(payloadText(scores), ["ada"], given)).toMatchObject({ refusal: { signedBy: ["ada"] } });
      expect(decoded(payloadText(scores), ["ada", "ben"], given)._tag).toBe("Decoded");
    }
    expect(told(decoded(payloadText({ d: directory }), ["ada"], given))).toEqual({ d: "ThresholdNotMet" });
  });
});

function fail(): never {
  throw new Error("there is no such key");
}
