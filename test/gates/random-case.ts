import * as fc from "fast-check";
import { KINDS } from "../../src/scores/index.ts";
import { WORLDS } from "../../src/testing/worlds.ts";
import type { DevicePolicies } from "../../src/wire/device-policy.ts";
import {
  CAPABILITIES,
  type CapabilityName,
  type Case,
  type Entry,
  isOwn,
  OWN_KINDS,
  type OwnKind,
  type Place,
  type ScoreEntry,
  type Wrong,
} from "./case.ts";

/** Of words so few that they often meet, and so odd that a sentence with them can be told wrongly. */
const reason = fc.constantFrom("podman >= 4.4 not found", "", 'say "no": ${x} \\', "zu alt – ü €");
const placeName = fc.constantFrom("Place", "PiTopology", 'It\'s "odd" <x>');

const place: fc.Arbitrary<Place> = fc
  .tuple(
    placeName,
    fc.shuffledSubarray([...CAPABILITIES], { minLength: 4 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  )
  .chain(([name, offers, much]) =>
    fc
      .subarray(offers, { maxLength: Math.floor((much * offers.length) / 2) })
      .chain((names) => fc.record(Object.fromEntries(names.map((each) => [each, reason]))))
      .map((absent) => ({ name, offers, absent })),
  );

const ownKind: fc.Arbitrary<OwnKind> = fc.record({
  version: fc.constantFrom(1, 2),
  requires: fc.shuffledSubarray<CapabilityName>([...CAPABILITIES], { maxLength: 3 }),
  tellsReach: fc.boolean(),
});

/** What is undefined is left out, as an author does. */
const plainSpec = (kind: string, spec: object): ScoreEntry => ({
  kind,
  spec: Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)),
});
const score: fc.Arbitrary<ScoreEntry> = fc.oneof(
  ...Object.entries(WORLDS).map(([kind, { specs }]) =>
    fc.tuple<[object]>(specs).map(([spec]) => plainSpec(kind, spec)),
  ),
  ...OWN_KINDS.map((kind) => fc.constantFrom("one", "two").map((name) => plainSpec(kind, { name }))),
);
const record = (of: fc.Arbitrary<Entry>): fc.Arbitrary<Readonly<Record<string, Entry>>> =>
  fc
    .array(of, { minLength: 1, maxLength: 3 })
    .map((all) => Object.fromEntries(all.map((each, at) => [`s${at}`, each])));
const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: score },
  { weight: 1, arbitrary: record(score).map((parts): Entry => ({ parts })) },
  { weight: 1, arbitrary: record(record(score).map((parts): Entry => ({ parts }))).map((parts): Entry => ({ parts })) },
);
const wrong = fc.constantFrom<Wrong[]>("a field too many", "a field too few", "a wrong type");
const entries = fc.oneof(
  { weight: 9, arbitrary: record(entry) },
  // By itself, as nothing of such a manifest can be made.
  { weight: 1, arbitrary: fc.tuple(score, wrong).map(([each, how]) => ({ s0: { ...each, wrong: how } })) },
);

const KIND_NAMES = [...KINDS.map(({ kind }) => kind), ...OWN_KINDS];
/** Of all kinds but a few: a list that leaves out most refuses everything for one dull reason. */
const mostKinds = fc.subarray(KIND_NAMES, { minLength: KIND_NAMES.length - 4 });
const rules = fc.record(
  {
    kinds: mostKinds,
    paths: fc.subarray(["/", "/a", "/a/b", "/ü", "/own"]),
    units: fc.subarray(["*.service", "sensor*", "getty.service", "*.timer"]),
    registries: fc.subarray(["registry.example", "docker.io", "ghcr.io", "asset", "nginx"]),
    unbounded: mostKinds,
    limits: fc.record(
      {
        manifestBytes: fc.integer({ min: 200, max: 6000 }),
        scores: fc.integer({ min: 1, max: 9 }),
        diskBytes: fc.nat(90),
      },
      { requiredKeys: [] },
    ),
    signatures: fc.record({
      dangerous: fc.subarray(KIND_NAMES, { maxLength: 3 }),
      threshold: fc.integer({ min: 1, max: 2 }),
    }),
  },
  { requiredKeys: [] },
);
const policy: fc.Arbitrary<DevicePolicies> = fc.record({
  reserved: fc.record({ paths: fc.subarray(["/a/c d", "/..."]), units: fc.subarray(["getty.service"]) }),
  policies: fc
    .array(rules, { maxLength: 2 })
    .map((all) => all.map((each, at) => ({ name: `/etc/policy-${at}.json`, rules: each }))),
  unreadable: fc.oneof({ weight: 19, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.constant("no JSON") }),
});
const few = (names: readonly string[]) => fc.subarray([...names], { maxLength: 2 });
const agent: fc.Arbitrary<Case["agent"]> = fc.record({
  unknown: fc.oneof(fc.constant([]), few(KIND_NAMES)),
  skewed: fc.oneof(fc.constant([]), few(KIND_NAMES)),
  policy: fc.option(policy),
  hasKeys: fc.boolean(),
});

export const randomCase: fc.Arbitrary<Case> = fc
  .record({ own: fc.record({ Gauge: ownKind, Valve: ownKind }), entries, place, agent })
  .map(sound);

/** Without what no manifest can have, and what nobody can know before secrets are sealed: how many bytes they become. */
function sound(made: Case): Case {
  const seen = new Set<string>();
  const kept = distinct(made.entries, seen);
  const hasSecret = JSON.stringify(kept).includes('"secret":');
  const { policy: of } = made.agent;
  if (!hasSecret || of === null) return { ...made, entries: kept };
  const policies = of.policies.map(({ name, rules: each }) => {
    const { limits, ...rest } = each;
    if (limits === undefined) return { name, rules: each };
    const { scores = 9, diskBytes = 90 } = limits;
    return { name, rules: { ...rest, limits: { scores, diskBytes } } };
  });
  return { ...made, entries: kept, agent: { ...made.agent, policy: { ...of, policies } } };
}

function distinct(given: Case["entries"], seen: Set<string>): Case["entries"] {
  return Object.fromEntries(
    Object.entries(given).flatMap(([id, each]): (readonly [string, Entry])[] => {
      if ("parts" in each) {
        const parts = distinct(each.parts, seen);
        return Object.keys(parts).length === 0 ? [] : [[id, { parts }]];
      }
      const identity = identityOf(each);
      if (seen.has(identity)) return [];
      seen.add(identity);
      return [[id, each]];
    }),
  );
}

function identityOf({ kind, spec }: ScoreEntry): string {
  if (isOwn(kind)) return `${kind}:${String(spec["name"])}`;
  const Class = KINDS.find((each) => each.kind === kind);
  return Class?.parse(spec).bind().identity ?? kind;
}
