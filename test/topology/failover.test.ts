import * as fc from "fast-check";
import { expect, test } from "vitest";
import { type AnyCapability, capability } from "../../src/capabilities/capability.ts";
import { K8sClient } from "../../src/capabilities/index.ts";
import { ContainerScore, K8sDeploymentScore } from "../../src/scores/index.ts";
import { failover } from "../../src/topology/failover.ts";
import { lacks, lackSentence } from "../../src/topology/lacks.ts";
import { manifest } from "../../src/topology/manifest.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { topology, without } from "../../src/topology/topology.ts";
import { decodeScore, type Gate } from "../../src/wire/decode.ts";
import { encode, encodeScore } from "../../src/wire/encode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { KINDS } from "../../src/scores/index.ts";

const container = new ContainerScore({ name: "web", image: "docker.io/library/web:1" });
const Zero = without(PiTopology, { ContainerRuntime: "podman >= 4.4 not found" });

test("a pair of two alike offers what each of them does", () => {
  const pair = failover(PiTopology, PiTopology);
  expect(pair).toEqual({ name: "FailoverTopology<PiTopology>", offers: PiTopology.offers, absent: {} });
  expect(manifest(pair, { web: container }).topology).toBe(pair);
});

test("the encoder and the decoder refuse what one member lacks, in the compiler's words", () => {
  const sentence =
    "ContainerScore requires ContainerRuntime, which FailoverTopology<PiTopology> lacks: PiTopology lacks it: podman >= 4.4 not found";
  for (const pair of [failover(PiTopology, Zero), failover(Zero, PiTopology), failover(Zero, Zero)]) {
    expect(lacks(container, pair).map(lackSentence)).toEqual([sentence]);
    const scores: Record<string, never> = {};
    Object.assign(scores, { web: container });
    const encoded = encode(manifest(pair, scores), {
      agentId: AgentId.parse("web"),
      generation: 1,
      issuedAt: new Date(0),
    });
    expect(encoded).toMatchObject({ _tag: "Lacking", sentences: [sentence] });
    const gate: Pick<Gate, "kinds" | "topology"> = { kinds: KINDS, topology: pair };
    expect(decodeScore(encodeScore(container), gate)).toMatchObject({
      refusal: { reason: "MissingCapability", message: sentence },
    });
  }
});

test("what neither has is lacking without a story", () => {
  const pair = failover(PiTopology, topology("Bare", []));
  const shop = new K8sDeploymentScore({ name: "shop", image: "shop:1" });
  expect(lacks(shop, pair).map(lackSentence)).toEqual([
    "K8sDeploymentScore requires K8sClient, which FailoverTopology<PiTopology, Bare> lacks",
  ]);
  expect(failover(topology("One", [K8sClient]), topology("Two", [K8sClient])).offers).toEqual([K8sClient]);
});

test("it offers what both offer, whichever comes first, and says why the rest is not", () => {
  const some = fc
    .subarray(["A", "B", "C", "D"])
    .map((names): readonly AnyCapability[] => names.map((name) => capability<object>()(name, { reads: [] })));
  fc.assert(
    fc.property(some, some, (left, right) => {
      const pair = failover(topology("Left", left), topology("Right", right));
      const [l, r] = [left.map(({ name }) => name), right.map(({ name }) => name)];
      expect(pair.offers.map(({ name }) => name)).toEqual(l.filter((name) => r.includes(name)));
      const wanted = [...l, ...r].filter((name) => !l.includes(name) || !r.includes(name));
      expect(pair.absent).toEqual(
        Object.fromEntries(wanted.map((name) => [name, `${l.includes(name) ? "Right" : "Left"} lacks it`])),
      );
    }),
  );
});
