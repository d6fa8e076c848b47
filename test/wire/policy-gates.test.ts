import * as fc from "fast-check";
import { manifest } from "harmony-edge";
import { objections } from "harmony-edge/check";
import { expect, test } from "vitest";
import { DirectoryScore, FileScore, K8sDeploymentScore } from "../../src/scores/index.ts";
import { createFleet } from "../../src/fleet/index.ts";
import { MemoryServer } from "../../src/wire/memory-server.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { decodePayload } from "../../src/wire/decode.ts";
import { encode } from "../../src/wire/encode.ts";
import type { DevicePolicies } from "../../src/wire/device-policy.ts";
import { writeDocument } from "../../src/wire/status.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { capabilities, Everything, PI } from "../fleet/scripted-agent.ts";
import { policyOf, rules } from "./policies.ts";

const KINDS = [FileScore, DirectoryScore, K8sDeploymentScore];
const path = fc.constantFrom("/srv", "/srv/app/x", "/srv/app-x/y", "/etc/x", "/etc/systemd/system/a.service", "/own/x");
const score = fc.oneof(
  fc.record({ path, content: fc.string({ maxLength: 40, unit: "grapheme" }) }).map((spec) => new FileScore(spec)),
  path.map((each) => new DirectoryScore({ path: each })),
  fc.constantFrom("ghcr.io/acme/web:1", "nginx").map((image) => new K8sDeploymentScore({ name: "web", image })),
);
const manifests = fc
  .uniqueArray(score, { maxLength: 5, selector: (each) => each.bind().identity })
  .map((scores) => manifest(Everything, Object.fromEntries(scores.map((each, at) => [`s${at}`, each]))));
const devices: fc.Arbitrary<DevicePolicies> = fc
  .record({ all: fc.array(rules, { maxLength: 2 }), bad: fc.constantFrom(null, null, null, "/p: no JSON") })
  .map(({ all, bad }) => ({
    ...policyOf(...all),
    reserved: { paths: ["/own"], units: ["own.service"] },
    unreadable: bad,
  }));

const offers = { topology: "Everything", capabilities: { FileSystemHost: {}, K8sClient: {} } };
const kinds = { File: [1], Directory: [1], K8sDeployment: [1] };

/** What the agent itself makes of it: the sentences about the whole, or else those about the Scores. */
function decoded(wanted: ReturnType<typeof manifest>, policy: DevicePolicies): readonly string[] {
  const encoded = encode(wanted, { agentId: PI, generation: 12, issuedAt: new Date(0) });
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  const gate = { agentId: PI, kinds: KINDS, topology: Everything, trustedKeys: new Map(), policy };
  const result = decodePayload(encoded.payload, [], gate, null);
  if (result._tag === "Refused") {
    expect(result.refusal.reason).toBe("PolicyDenied");
    return [result.refusal.message];
  }
  return [...result.manifest.scores.values()].flatMap((each) => {
    if (each._tag === "Score") return [];
    expect(each.refusal.reason).toBe("PolicyDenied");
    return [each.refusal.message];
  });
}

/** The checker's sentences, put together as an agent does. */
function checked(wanted: ReturnType<typeof manifest>, policy: DevicePolicies): readonly string[] {
  const found = objections(wanted, [{ _tag: "Agent", document: capabilities({ ...offers, kinds, policy }) }]);
  expect(found.filter(({ rule }) => rule !== "PolicyDenied")).toEqual([]);
  const of = (id: string | null): readonly string[] => {
    const all = found.filter(({ scoreId }) => scoreId === id).map(({ sentence }) => sentence);
    // An agent that knows already that it is too much does not go on to look at contents.
    const early = all.filter((each) => !each.includes("limits.diskBytes"));
    const sentences = early.length > 0 ? early : all;
    const message = sentences.join("; ");
    return sentences.length === 0 ? [] : [message.length > 1000 ? `${message.slice(0, 1000)}...` : message];
  };
  const whole = of(null);
  return whole.length > 0 ? whole : Object.keys(wanted.scores).flatMap(of);
}

test("the checker and the agent say the same of every manifest under every policy, in the same words", () => {
  const seen = { taken: 0, denied: 0 };
  fc.assert(
    fc.property(manifests, devices, (wanted, policy) => {
      const said = decoded(wanted, policy);
      seen[said.length > 0 ? "denied" : "taken"] += 1;
      expect(checked(wanted, policy)).toEqual(said);
    }),
    { numRuns: 500 },
  );
  expect(Math.min(seen.taken, seen.denied)).toBeGreaterThan(50);
});

test("what the agent would refuse is not shipped, and what it would take is", async () => {
  await fc.assert(
    fc.asyncProperty(manifests, devices, async (wanted, policy) => {
      const server = new MemoryServer();
      const store = new MemoryStore(server);
      const document = capabilities({ ...offers, kinds, policy });
      await store.put("capabilities", PI, writeDocument(document));
      const result = await createFleet({ store, clock: new FakeClock() }).apply(wanted, PI, { wait: false });
      const said = decoded(wanted, policy);
      expect(result._tag).toBe(said.length === 0 ? "Shipped" : "Lacking");
      expect((await store.get("desired-state", PI))._tag).toBe(said.length === 0 ? "Value" : "Absent");
      if (result._tag === "Lacking") {
        const sentences = result.objections.map(({ sentence }) => sentence);
        const first = said[0]?.slice(0, 60) ?? "?";
        expect(sentences.some((sentence) => sentence.startsWith(first))).toBe(true);
      }
    }),
    { numRuns: 100 },
  );
});

test("the bytes of a manifest are those of its Scores, whoever ships it under whatever generation", () => {
  const one = manifest(Everything, { a: new FileScore({ path: "/a", content: "ä" }) });
  const encoded = encode(one, { agentId: PI, generation: 1, issuedAt: new Date(0) });
  if (encoded._tag !== "Encoded") throw new Error(encoded._tag);
  const bytes = Buffer.byteLength(/"scores":(\{.*\})\}$/.exec(encoded.payload)?.[1] ?? "");
  const says = (manifestBytes: number) => decoded(one, policyOf({ limits: { manifestBytes } }));
  expect(says(bytes)).toEqual([]);
  expect(says(bytes - 1)).toEqual([
    `the manifest has ${bytes} bytes of Scores, and the rule "limits.manifestBytes" of the policy /policy-0.json allows ${bytes - 1}: make it smaller, or ask the owner of the device to change the policy`,
  ]);
});

test("the bytes of contents are those of Files alone, as they will lie on the disk", () => {
  const scores = {
    a: new FileScore({ path: "/a", content: "ä" }),
    b: new FileScore({ path: "/b", content: { base64: "AAAA" } }),
  };
  const says = (diskBytes: number) => decoded(manifest(Everything, scores), policyOf({ limits: { diskBytes } }));
  expect(says(5)).toEqual([]);
  expect(says(4)).toEqual([expect.stringContaining('5 bytes of contents of Files, and the rule "limits.diskBytes"')]);
});
