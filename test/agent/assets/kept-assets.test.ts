import { expect, test } from "vitest";
import { keptBy } from "../../../src/agent/assets/kept-assets.ts";
import type { Accepted } from "../../../src/agent/saved-manifest.ts";
import { assetOf } from "../../../src/scores/asset.ts";
import { FileScore } from "../../../src/scores/index.ts";
import { assetsIn } from "../../../src/wire/assets-in.ts";
import { payloadOf } from "../support/manifests.ts";

const [a, b, c] = ["a".repeat(64), "b".repeat(64), "c".repeat(64)] as const;
const naming = (generation: number, ...hashes: readonly string[]): Accepted => ({
  generation,
  revision: generation,
  payload: payloadOf({
    generation,
    scores: Object.fromEntries(
      hashes.map((sha256, at) => [`f${at}`, new FileScore({ path: `/f${at}`, content: assetOf(sha256, at) })]),
    ),
  }),
});

test("kept is what the manifest in force names, and the one to go back to; and nothing once there is none", () => {
  const ledger: { accepted: Accepted | null; lastGood: Accepted | null } = { accepted: null, lastGood: null };
  const kept = keptBy(ledger);
  expect([...kept()]).toEqual([]);
  ledger.accepted = naming(1, a, b);
  expect([...kept()]).toEqual([a, b]);
  // The cache takes the same set for the same names.
  expect(kept()).toBe(kept());
  ledger.lastGood = ledger.accepted;
  ledger.accepted = naming(2, c);
  expect([...kept()].toSorted()).toEqual([a, b, c]);
  ledger.lastGood = ledger.accepted;
  expect([...kept()]).toEqual([c]);
});

test("a text that looks like a reference is none", () => {
  const scores = { f: new FileScore({ path: "/f", content: `{"asset":"${a}","size":1}` }) };
  expect([...assetsIn(payloadOf({ generation: 1, scores }))]).toEqual([]);
});
