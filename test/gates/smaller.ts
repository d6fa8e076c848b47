import { type Case, type Entry, flat, type Place, type ScoreEntry } from "./case.ts";
import type { DevicePolicies } from "../../src/wire/device-policy.ts";

/** Every case that is this one with one thing less in it, what makes the most difference first. */
export function smaller(of: Case): readonly Case[] {
  const { own, entries, place, agent } = of;
  const used = new Set(flat(entries).map(([, { kind }]) => kind));
  const all = [
    ...alone(entries).map((each) => ({ ...of, entries: each })),
    { ...of, agent: PLAIN_AGENT },
    { ...of, place: { ...place, offers: [], absent: {} } },
    ...fewer(entries)
      .filter((each) => flat(each).length > 0)
      .map((each) => ({ ...of, entries: each })),
    ...(agent.policy === null ? [] : policies(agent.policy).map((policy) => ({ ...of, agent: { ...agent, policy } }))),
    ...without(agent.unknown).map((unknown) => ({ ...of, agent: { ...agent, unknown } })),
    ...without(agent.skewed).map((skewed) => ({ ...of, agent: { ...agent, skewed } })),
    ...places(place).map((each) => ({ ...of, place: each })),
    ...(["Gauge", "Valve"] as const)
      .filter((kind) => used.has(kind))
      .flatMap((kind) =>
        without(own[kind].requires).map((requires) => ({ ...of, own: { ...own, [kind]: { ...own[kind], requires } } })),
      ),
  ];
  // The big steps lead nowhere once they are taken.
  return all.filter((each) => JSON.stringify(each) !== JSON.stringify(of));
}

const PLAIN_AGENT: Case["agent"] = { unknown: [], skewed: [], policy: null, hasKeys: true };

const alone = (entries: Case["entries"]): readonly Case["entries"][] => {
  const all = Object.entries(entries);
  return all.length === 1 ? [] : all.map(([id, entry]) => ({ [id]: entry }));
};

const without = <T>(all: readonly T[]): readonly (readonly T[])[] => all.map((_, at) => all.toSpliced(at, 1));

/** Without one of its fields, each of which may be left out. */
const fieldsLess = <V>(of: Readonly<Record<string, V>>): readonly Readonly<Record<string, V>>[] =>
  Object.keys(of).map((field) => Object.fromEntries(Object.entries(of).filter(([name]) => name !== field)));

/** An entry less, a composition's part in its place, or a Score with a shorter spec. */
const fewer = (entries: Case["entries"]): readonly Case["entries"][] =>
  Object.entries(entries).flatMap(([id, entry]) => [
    Object.fromEntries(Object.entries(entries).filter(([other]) => other !== id)),
    ...smallerEntries(entry).map((each) => ({ ...entries, [id]: each })),
  ]);

function smallerEntries(entry: Entry): readonly Entry[] {
  if (!("parts" in entry)) return shorter(entry);
  const parts = fewer(entry.parts).filter((each) => Object.keys(each).length > 0);
  return [...Object.values(entry.parts), ...parts.map((each) => ({ parts: each }))];
}

/** What its kind cannot do without, by whichever name: else it is no valid spec any more. */
const NEEDED = new Set([
  "name",
  "path",
  "unit",
  "exec",
  "content",
  "image",
  "ipv4",
  "runAs",
  "approver",
  "expires",
  "check",
  "run",
]);
const shorter = (entry: ScoreEntry): readonly ScoreEntry[] =>
  Object.keys(entry.spec)
    .filter((field) => !NEEDED.has(field))
    .map((field) => ({
      ...entry,
      spec: Object.fromEntries(Object.entries(entry.spec).filter(([name]) => name !== field)),
    }));

const places = (place: Place): readonly Place[] => [
  ...place.offers.map((name) => {
    const { [name]: _, ...absent } = place.absent;
    return { ...place, offers: place.offers.filter((each) => each !== name), absent };
  }),
  ...fieldsLess(place.absent).map((absent) => ({ ...place, absent })),
];

const policies = (of: DevicePolicies): readonly (DevicePolicies | null)[] => [
  null,
  ...without(of.policies).map((each) => ({ ...of, policies: [...each] })),
  ...of.policies.flatMap(({ name, rules }, at) =>
    fieldsLess(rules).map((each) => ({ ...of, policies: of.policies.with(at, { name, rules: each }) })),
  ),
];
