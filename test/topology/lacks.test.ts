import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FileSystemHost } from "../../src/capabilities/file-system-host.ts";
import { K8sClient } from "../../src/capabilities/k8s-client.ts";
import { FileScore, K8sDeploymentScore } from "../../src/scores/index.ts";
import { lacks, lackSentence } from "../../src/topology/lacks.ts";
import { PiTopology } from "../../src/topology/pi.ts";
import { topology, without } from "../../src/topology/topology.ts";

const capabilities = (names: readonly string[]): { name: string; reads: [] }[] =>
  names.map((name) => ({ name, reads: [] }));

test("a Score lacks what it requires and the topology does not offer, in the order in which it requires it", () => {
  const name = fc.constantFrom("A", "B", "C", "D", "E");
  fc.assert(
    fc.property(fc.uniqueArray(name), fc.array(name), (requires, offers) => {
      const found = lacks({ kind: "K", requires: capabilities(requires) }, { name: "T", offers: capabilities(offers) });
      const wanted = requires.filter((each) => !offers.includes(each));
      expect(found).toEqual(wanted.map((capability) => ({ kind: "K", capability, topology: "T", reason: null })));
    }),
  );
});

test("a class is judged as its Scores are", () => {
  const shop = new K8sDeploymentScore({ name: "shop", image: "shop:1" });
  expect(lacks(K8sDeploymentScore, PiTopology)).toEqual(lacks(shop, PiTopology));
  expect(lacks(shop, topology("Cluster", [FileSystemHost, K8sClient]))).toEqual([]);
  expect(lacks(FileScore, PiTopology)).toEqual([]);
});

test("what an agent says of itself can be judged by, too", () => {
  const document = { name: "PiTopology", offers: [{ name: "K8sClient" }] };
  expect(lacks(FileScore, document).map(lackSentence)).toEqual([
    "FileScore requires FileSystemHost, which PiTopology lacks",
  ]);
});

test("where the place says why it lacks something, the sentence says it too", () => {
  const Zero = without(PiTopology, { FileSystemHost: "its disk is gone" });
  expect(Zero.offers.map(({ name }) => name)).toEqual(
    PiTopology.offers.map(({ name }) => name).filter((name) => name !== "FileSystemHost"),
  );
  expect(lacks(FileScore, Zero).map(lackSentence)).toEqual([
    "FileScore requires FileSystemHost, which PiTopology lacks: its disk is gone",
  ]);
  const odd = { name: "T", offers: [], absent: { toString: "never" } };
  expect(lacks({ kind: "K", requires: capabilities(["constructor"]) }, odd).map(lackSentence)).toEqual([
    "KScore requires constructor, which T lacks",
  ]);
});
