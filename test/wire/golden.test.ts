import { createPublicKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { AuditedShell } from "../../src/capabilities/audited-shell.ts";
import { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import { K8sClient } from "../../src/capabilities/k8s-client.ts";
import { PackageManager } from "../../src/capabilities/package-manager.ts";
import { PacketFilter } from "../../src/capabilities/packet-filter.ts";
import { NetworkConfigurator } from "../../src/capabilities/network-configurator.ts";
import { ContainerRuntime } from "../../src/capabilities/container-runtime.ts";
import { SystemdHost } from "../../src/capabilities/systemd-host.ts";
import { KINDS } from "../../src/scores/index.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { DEFAULT_POLICIES } from "../../src/topology/policies.ts";
import { topology } from "../../src/topology/topology.ts";
import {
  type DecodedManifest,
  decodePayload,
  type DecodedScore,
  type Gate,
  openEnvelope,
} from "../../src/wire/decode.ts";
import { encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { keyPairOf } from "../../src/wire/secrets/hpke.ts";
import { Opener } from "../../src/wire/secrets/opener.ts";
import { keyIdOf, sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { encodeSpec } from "../../src/wire/spec-codec.ts";
import { AgentStatus, CapabilitiesDocument, Heartbeat, PlanReply, readDocument } from "../../src/wire/status.ts";

/**
 * Bytes that are or were sent, and what must come of them for ever. The files are never edited; `node scripts/golden.ts`
 * adds those of a new kind.
 */
const golden = (name: string): Buffer => readFileSync(`test/wire/golden/${name}`);

const Everywhere = topology("Everywhere", [
  AuditedShell,
  ContainerRuntime,
  FileSystemHost,
  K8sClient,
  SystemdHost,
  PacketFilter,
  PackageManager,
  NetworkConfigurator,
]);
const gate: Gate = { agentId: AgentId.parse("pi-7"), kinds: KINDS, topology: Everywhere, trustedKeys: new Map() };

function decode(bytes: Uint8Array, at: Gate = gate): DecodedManifest {
  const opened = openEnvelope(bytes);
  if (opened._tag !== "Inline") throw new Error(opened._tag);
  const decoded = decodePayload(opened.payload, opened.signatures, at, null);
  if (decoded._tag !== "Decoded") throw new Error(decoded.refusal.message);
  return decoded.manifest;
}

const KEY = keyPairOf(Buffer.alloc(32, 7));

const Expected = z.record(z.string(), z.strictObject({ spec: z.unknown(), digest: z.string() }));
const names = readdirSync("test/wire/golden").flatMap((file) => /^(\w+@\d+(?:-\w+)?)\.json$/.exec(file)?.[1] ?? []);
/** Later bytes of a version that has gained fields since have a word after it. */
const isKnown = (name: string): boolean => known.includes(name.split("-")[0] ?? "");
const known = KINDS.map(({ kind, version }) => `${kind}@${version}`);

test("each kind that this build knows has its golden bytes", () => {
  expect(known.filter((name) => !names.includes(name))).toEqual([]);
});

const reasons = (scores: ReadonlyMap<string, DecodedScore>): unknown[] =>
  [...scores.values()].map((score) => (score._tag === "Refused" ? [score.kind, score.refusal.reason] : score._tag));
const accepted = (scores: ReadonlyMap<string, DecodedScore>): Extract<DecodedScore, { _tag: "Score" }>[] =>
  [...scores.values()].filter((score) => score._tag === "Score");

describe.each(names)("the golden bytes of %s", (name) => {
  const expected = Expected.parse(JSON.parse(golden(`${name}.expected.json`).toString()));
  const ids = Object.keys(expected);

  test.runIf(isKnown(name))("hold the specs and have the digests that they always had", () => {
    const { generation, issuedAt, scores } = decode(golden(`${name}.json`));
    expect({ generation, issuedAt, ids: [...scores.keys()] }).toEqual({
      generation: 7,
      issuedAt: "2026-11-23T08:00:00.000Z",
      ids,
    });
    for (const [at, id] of ids.entries()) {
      const score = scores.get(id);
      const before = at === 0 ? [] : [ids[at - 1]];
      expect(score).toMatchObject({ _tag: "Score", digest: expected[id]?.digest, after: before, restartOn: before });
      // A later build may fill in a field that did not exist; what was said stays said.
      expect(score?._tag === "Score" && encodeSpec(score.score.spec)).toMatchObject(Object(expected[id]?.spec));
    }
  });

  test("are refused by name where the kind or the version is not known", () => {
    const [kind = ""] = name.split("@");
    const without = decode(golden(`${name}.json`), { ...gate, kinds: KINDS.filter((each) => each.kind !== kind) });
    expect(reasons(without.scores)).toEqual(ids.map(() => [kind, "UnknownKind"]));
    const upgraded = decode(golden(`${name}.json`), { ...gate, kinds: [{ ...statics(KINDS[0]), kind, version: 99 }] });
    expect(reasons(upgraded.scores)).toEqual(ids.map(() => [kind, "UnsupportedVersion"]));
  });

  test.runIf(isKnown(name))("are what this build sends for the same Scores, but for fields that it fills in", () => {
    const came = accepted(decode(golden(`${name}.json`)).scores);
    expect(came).toHaveLength(ids.length);
    expect(came.map(({ score, wire }) => encodeScore(score, wire.after, wire.restartOn))).toMatchObject(
      came.map(({ wire }) => wire),
    );
  });
});

const statics = (of: (typeof KINDS)[number]): Gate["kinds"][number] => ({
  kind: of.kind,
  version: of.version,
  requires: of.requires,
  schema: of.schema,
  parse: (spec) => of.parse(spec),
});

describe("the golden envelopes", () => {
  test("inline and unsigned", () => {
    expect([...decode(golden("envelope-inline.json"), { ...gate, topology: PiTopology }).scores.keys()]).toEqual([
      "motd",
    ]);
    expect(decode(golden("envelope-empty.json")).scores.size).toBe(0);
  });

  test("with policies", () => {
    const [plain, ...ruled] = [...decode(golden("envelope-policies.json")).scores.values()].map((score) =>
      score._tag === "Score" ? score.policies : score,
    );
    expect(plain).toEqual(DEFAULT_POLICIES);
    expect(ruled).toEqual([
      { ...DEFAULT_POLICIES, drift: "report", lookEverySeconds: 60 },
      { ...DEFAULT_POLICIES, drift: "ignore", ownership: "own" },
      { ...DEFAULT_POLICIES, ownership: "createOnly", removal: "orphan" },
      { ...DEFAULT_POLICIES, ownership: "observe", lookEverySeconds: 1.5 },
    ]);
  });

  test("to be taken back where it fails, and to try again what failed", () => {
    expect(decode(golden("envelope-rollback.json"))).toMatchObject({
      rollbackOnFailure: { withinSeconds: 60 },
      retryFailed: true,
    });
    expect(decode(golden("envelope-policies.json"))).toMatchObject({ rollbackOnFailure: null, retryFailed: false });
  });

  test("with a secret, which the device's own key alone opens", async () => {
    const { agentId } = gate;
    const keys = new Map([KEY].map((pair) => [keyIdOf(sealingKeyOf(pair)), pair]));
    const opener = new Opener({ agentId, keys: () => keys });
    const scores = decode(golden("envelope-secrets.json"), { ...gate, opener }).scores;
    const [psk] = accepted(scores);
    expect(psk?.score.spec).toMatchObject({ content: { secret: "wifi-psk" }, mode: "0400" });
    const opened = await opener.of("psk", psk?.wire.secrets).use({ secret: "wifi-psk" }, (bytes) => Buffer.from(bytes));
    expect(opened.toString()).toBe("correct horse");
    expect(reasons(decode(golden("envelope-secrets.json")).scores)).toEqual([
      ["File", "SecretNotForThisDevice"],
      "Score",
    ]);
  });

  test("by hash", () => {
    expect(openEnvelope(golden("envelope-asset.json"))).toEqual({
      _tag: "Asset",
      sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
      signatures: [{ key: "ops-2026", sig: expect.any(String) }],
    });
  });

  test("signed", () => {
    const publicKey = createPublicKey(golden("envelope-signed.public-key.pem"));
    const asking = { ...gate, trustedKeys: new Map([["ops-2026", publicKey]]) };
    const asked = decode(golden("envelope-signed.json"), asking);
    expect([...asked.scores.keys()]).toEqual(["motd"]);
    expect(asked.signedBy).toEqual(["ops-2026"]);
    // The same text, so the same agent may ask for signatures or not.
    expect({ ...decode(golden("envelope-signed.json")), signedBy: asked.signedBy }).toEqual(asked);
  });
});

describe("the golden documents", () => {
  test.each([
    ["status.json", AgentStatus],
    ["heartbeat.json", Heartbeat],
    ["capabilities.json", CapabilitiesDocument],
    ["plan.json", PlanReply],
    ["plan-refused.json", PlanReply],
    ["status-policies.json", AgentStatus],
    ["status-rolled-back.json", AgentStatus],
    ["plan-policies.json", PlanReply],
  ])("%s is read whole", (name, schema: z.ZodType) => {
    const bytes = golden(name);
    const read = readDocument(schema, bytes);
    expect(read).toEqual({ _tag: "Read", document: JSON.parse(bytes.toString()) });
  });
});
