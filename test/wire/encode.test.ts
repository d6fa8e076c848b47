import { generateKeyPairSync } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import { K8sClient } from "../../src/capabilities/k8s-client.ts";
import { FileScore, K8sDeploymentScore, KINDS } from "../../src/scores/index.ts";
import { manifest } from "../../src/topology/manifest.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { topology } from "../../src/topology/topology.ts";
import { type Decoded, type DecodedManifest, decodePayload, type Gate, openEnvelope } from "../../src/wire/decode.ts";
import { assetEnvelope, encode, encodeScore, type Encoded, inlineEnvelope } from "../../src/wire/encode.ts";
import { digestOf } from "../../src/wire/digest.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { EverythingScore, everythingSpec } from "./everything-score.ts";
import { AGENT, ISSUED_AT } from "./wire-text.ts";

const agentId = AgentId.parse(AGENT);
const options = { agentId, generation: 7, issuedAt: new Date(ISSUED_AT) };
const Cluster = topology("Cluster", [FileSystemHost, K8sClient]);
const gate: Gate = { agentId, kinds: [...KINDS, EverythingScore], topology: Cluster, trustedKeys: new Map() };

const motd = new FileScore({ path: "/etc/motd", content: "hello\n" });
const shop = new K8sDeploymentScore({ name: "shop", image: "shop:1" });

function sent(encoded: Encoded, to: Gate = gate): Decoded {
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  const opened = openEnvelope(inlineEnvelope(encoded.payload, encoded.signatures));
  if (opened._tag !== "Inline") throw new Error(opened._tag);
  return decodePayload(opened.payload, opened.signatures, to, null);
}
function received(encoded: Encoded): DecodedManifest {
  const decoded = sent(encoded);
  if (decoded._tag !== "Decoded") throw new Error(decoded.refusal.message);
  return decoded.manifest;
}

describe("a manifest that is encoded and decoded", () => {
  test("holds the same Scores, with their specs as they were", () => {
    fc.assert(
      fc.property(fc.uniqueArray(everythingSpec, { selector: ({ name }) => name, maxLength: 4 }), (specs) => {
        const scores = specs.map((spec) => new EverythingScore(spec));
        const { scores: got } = received(encode(manifest(Cluster, named(scores)), options));
        expect([...got.keys()]).toEqual(Object.keys(named(scores)));
        for (const [id, score] of Object.entries(named(scores))) {
          const decoded = got.get(id);
          const wire = encodeScore(score);
          // The fleet knows the digest without asking the agent.
          expect(decoded).toMatchObject({
            _tag: "Score",
            wire: JSON.parse(JSON.stringify(wire)),
            digest: digestOf(wire),
          });
          expect(decoded?._tag === "Score" && decoded.score.spec).toStrictEqual(score.spec);
        }
      }),
    );
  });

  test("has the same digests, and encodes to the same text, when it is made again from what came", () => {
    fc.assert(
      fc.property(everythingSpec, (spec) => {
        const first = encode(manifest(Cluster, { a: new EverythingScore(spec) }), options);
        const a = received(first).scores.get("a");
        if (a?._tag !== "Score" || !(a.score instanceof EverythingScore)) throw new Error("refused");
        const second = encode(manifest(Cluster, { a: EverythingScore.parse(structuredClone(a.score.spec)) }), options);
        expect(second).toEqual(first);
        expect(received(second).scores.get("a")).toMatchObject({ digest: a.digest });
      }),
    );
  });

  test("keeps generation, time and order", () => {
    const ordered = manifest(Cluster, { motd, shop }, { after: { shop: ["motd"] } });
    const made = { ...ordered, restartOn: { motd: ["shop"] } };
    const { generation, issuedAt, scores } = received(encode(made, options));
    expect({ generation, issuedAt }).toEqual({ generation: 7, issuedAt: ISSUED_AT });
    expect(scores.get("shop")).toMatchObject({ after: ["motd"], restartOn: [] });
    expect(scores.get("motd")).toMatchObject({ after: [], restartOn: ["shop"] });
  });

  test("may be empty", () => {
    expect(received(encode(manifest(PiTopology, {}), options)).scores.size).toBe(0);
  });

  test("keeps every id that a manifest may have", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,62}$/), { maxLength: 8 }), (ids) => {
        const usable = ids.filter((id) => id !== "constructor" && id !== "prototype");
        const made = Object.fromEntries(
          usable.map((id, at) => [id, new FileScore({ path: `/srv/${at}`, content: "" })]),
        );
        expect([...received(encode(manifest(Cluster, made), options)).scores.keys()].toSorted()).toEqual(
          usable.toSorted(),
        );
      }),
    );
  });
});

const named = (scores: readonly EverythingScore[]): Record<string, EverythingScore> =>
  Object.fromEntries(scores.map((score, at) => [`s${at}`, score]));

describe("encoding", () => {
  test("refuses what the manifest's own topology lacks, in the words of the compiler", () => {
    // As JavaScript would do it, or a Score of type any.
    const scores: Record<string, never> = JSON.parse("{}");
    Object.assign(scores, { motd, shop });
    expect(encode(manifest(PiTopology, scores), options)).toEqual({
      _tag: "Lacking",
      sentences: ["K8sDeploymentScore requires K8sClient, which PiTopology lacks"],
    });
    expect(encode(manifest(topology("Bare", []), scores), options)).toMatchObject({
      sentences: [
        "FileScore requires FileSystemHost, which Bare lacks",
        "K8sDeploymentScore requires K8sClient, which Bare lacks",
      ],
    });
  });

  test("refuses a payload that no agent would take, with its size in bytes", () => {
    const content = "\u00e9".repeat(32_000);
    const scores = Object.fromEntries(
      Array.from({ length: 70 }, (_, n) => [`s${n}`, new FileScore({ path: `/srv/${n}`, content })]),
    );
    const encoded = encode(manifest(PiTopology, scores), options);
    expect(encoded).toEqual({ _tag: "TooLarge", bytes: expect.any(Number), limit: 4 * 1024 * 1024 });
    expect(encoded._tag === "TooLarge" && encoded.bytes).toBeGreaterThan(70 * 64_000);
  });

  test("tells the requirements of the class, and the defaults of the spec", () => {
    expect(encodeScore(shop, ["a"])).toEqual({
      kind: "K8sDeployment",
      version: 1,
      requires: ["K8sClient"],
      after: ["a"],
      restartOn: [],
      spec: { json: { name: "shop", namespace: "default", image: "shop:1", replicas: 1 } },
    });
  });

  test("signs the exact text with each of the keys", () => {
    const [one, two] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
    const signers = [
      { key: "one", privateKey: one.privateKey },
      { key: "two", privateKey: two.privateKey },
    ];
    const encoded = encode(manifest(PiTopology, { motd }), { ...options, signers });
    expect(encoded).toMatchObject({ signatures: [{ key: "one" }, { key: "two" }] });
    for (const pair of [
      ["one", one.publicKey],
      ["two", two.publicKey],
    ] as const) {
      expect(sent(encoded, { ...gate, trustedKeys: new Map([pair]) })._tag).toBe("Decoded");
    }
    expect(sent(encoded, { ...gate, trustedKeys: new Map([["one", two.publicKey]]) })).toMatchObject({
      refusal: { reason: "BadSignature" },
    });
  });

  test("puts the payload inline, or the hash of where it lies", () => {
    const signatures = [{ key: "ops", sig: "AAAA" }];
    expect(openEnvelope(inlineEnvelope("{}", signatures))).toEqual({ _tag: "Inline", payload: "{}", signatures });
    expect(openEnvelope(assetEnvelope("a".repeat(64), signatures))).toEqual({
      _tag: "Asset",
      sha256: "a".repeat(64),
      signatures,
    });
  });
});
