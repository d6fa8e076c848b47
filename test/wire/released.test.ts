import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { WORLDS } from "../../src/testing/worlds.ts";
import { encodeScore, inlineEnvelope } from "../../src/wire/encode.ts";
import { sealFor, sealingKeyOf } from "../../src/wire/secrets/sealed.ts";
import { ACCEPTED, type Release, releases } from "./released/releases.ts";
import { AGENT, knows, type Makes, type MakesOfScore, PAIR, whatItMakes } from "./released/what-it-makes.ts";

/** The current agent and the current authors, against every version that was released. */

const envelopes = readdirSync("test/wire/golden").filter((name) => /^(\w+@\d+(-\w+)?|envelope-\w+)\.json$/.test(name));
const golden = (name: string): Uint8Array => readFileSync(`test/wire/golden/${name}`);

test("each version has its decoder, and the current one is what the current release would keep", () => {
  expect(releases.map(({ version }) => version)).toContain("0.1.0");
  expect(envelopes.length).toBeGreaterThan(15);
});

const isAccepted = (made: MakesOfScore): boolean =>
  made.refused === null && ACCEPTED[`${made.kind}@${made.version}`] !== undefined;
const without = ({ scores, ...rest }: Makes): Makes => ({
  ...rest,
  scores: Object.fromEntries(Object.entries(scores).filter(([, made]) => !isAccepted(made))),
});

describe.each(releases)("what $version sent", ({ decoder }) => {
  test.each(envelopes)("%s means to the current agent what it meant to that one", async (name) => {
    const [then, now] = [await decoder.whatItMakes(golden(name)), await whatItMakes(golden(name))];
    // A later golden file may be of a version or a field that it did not know.
    if (Object.values(then.scores).some(({ refused }) => refused !== null)) {
      expect(reasonsAsFor(name, decoder, then)).toEqual([]);
      return;
    }
    expect(now.refused).toBeNull();
    expect(without(now)).toEqual(without(then));
  });
});

/** What a release refuses of bytes that are younger than it, other than by name. */
const reasonsAsFor = (name: string, { knows: known }: Release["decoder"], { scores }: Makes): readonly unknown[] =>
  Object.entries(scores).filter(([, made]) => {
    if (made.refused === null) return false;
    const isNew = !known.includes(name.replace(/(-\w+)?\.json$/, ""));
    return !(isNew ? ["UnknownKind", "UnsupportedVersion"] : ["InvalidSpec"]).includes(made.refused);
  });

/** What the specs refer to, sealed for the key that `whatItMakes` opens with. */
const seal = (name: string) => sealFor(Buffer.from("x"), [sealingKeyOf(PAIR)], { agentId: AGENT, name });
const SECRETS = new Map(["psk", "api-token", "token", "tls", "key"].map((name) => [name, seal(name)]));

const SEED = 20_261_201;
/** Of each kind so many Scores, as random as those that its contract is tried with. */
const SCORES = 40;

describe.each(releases)("what current authors send an agent of $version", ({ decoder, schemas }) => {
  test.each(KINDS.map((kind) => [`${kind.kind}@${kind.version}`, kind] as const))("%s", async (name, Class) => {
    const specs = fc.sample(fc.tuple<[unknown]>(WORLDS[Class.kind].specs), { numRuns: SCORES, seed: SEED });
    const taken = { effects: 0, refused: 0 };
    for (const [spec] of specs) {
      const score = encodeScore(Class.parse(spec), [], [], { drift: "report" }, SECRETS);
      const payload = { agentId: "pi-7", generation: 7, issuedAt: "2026-12-01T08:00:00.000Z", scores: { score } };
      const bytes = inlineEnvelope(JSON.stringify(payload), []);
      const [then, now] = [await decoder.whatItMakes(bytes), await whatItMakes(bytes)];
      const made = then.scores["score"];
      if (made?.refused === null || made === undefined) {
        expect(without(then)).toEqual(without(now));
        taken.effects += made?.effects.length ?? 0;
      } else {
        taken.refused += 1;
        expect([name, made]).toEqual([name, refusedByName(name, decoder, schemas, made)]);
      }
    }
    expect(taken.refused < SCORES || !decoder.knows.includes(name)).toBe(true);
    expect(taken.effects + taken.refused).toBeGreaterThan(SCORES / 4);
  });
});

/** A release may refuse what it cannot know: a kind or a version, or a field that its schema had not got. Else it is a fault. */
function refusedByName(
  name: string,
  { knows: known }: Release["decoder"],
  schemas: Release["schemas"],
  made: MakesOfScore,
): unknown {
  if (!known.includes(name)) {
    return expect.objectContaining({ refused: expect.stringMatching(/^(UnknownKind|UnsupportedVersion)$/) });
  }
  const [, field = ""] = made.refused === null ? [] : (/[Uu]nrecognized keys?: "(\w+)"/.exec(made.message) ?? []);
  const isNew = field !== "" && !JSON.stringify(schemas[`kinds/${name}.spec.json`]).includes(`"${field}":`);
  return isNew ? expect.objectContaining({ refused: "InvalidSpec" }) : "nothing that is refused, as it was known then";
}

test("the current decoder knows what this build's kinds are", () => {
  expect(knows).toEqual(KINDS.map(({ kind, version }) => `${kind}@${version}`));
});
