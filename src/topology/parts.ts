import * as z from "zod";
import { type AnyScore, isScore } from "../scores/score.ts";
import { type Edges, findCycle, type Order } from "./order.ts";
import { contradiction, policiesOf, Policy, policyOf } from "./policies.ts";

/** A manifest, or a composition, that contradicts itself; the message names the ids and says what to change. */
export class InvalidManifest extends Error {
  override readonly name = "InvalidManifest";
}

/** A Score id: 1 to 63 of `a-z`, `0-9`, `-`, `_` and `.`, first a letter or digit. The decoder forbids two such keys. */
export const SCORE_ID = /^(?!(?:constructor|prototype)$)[a-z0-9][a-z0-9._-]{0,62}$/;

/** The most ids that one Score may come after, or restart on. */
export const EDGES_LIMIT = 256;

/** Registered, so that a composition is known as one across two copies of this package. */
const composed: unique symbol = Symbol.for("harmony-edge.composition");

/**
 * Several Scores, with order between them, that stand in a manifest as one value. Made by `compose()`. A composition of
 * compositions is flat too: its ids are joined by dots.
 *
 * Its type is the union of the types of its Scores, so that what they require is what it requires.
 */
export interface Composition<Part extends AnyScore = AnyScore> {
  readonly [composed]: true;
  /** For people, as in `"LoadBalancer"`. It does not travel. */
  readonly name: string;
  readonly scores: Readonly<Record<string, Part>>;
  readonly after: Edges;
  readonly restartOn: Edges;
  readonly policies: ByIdPolicies;
}
/** By id, what is not as by default. */
export type ByIdPolicies = Readonly<Record<string, Policy>>;

/** Whether a value was made by `compose()`, of this copy of the package or another. */
const isComposition = (value: unknown): value is Composition =>
  typeof value === "object" && value !== null && composed in value && value[composed] === true;

/** What is made of the parts, for messages. */
type Whole = "manifest" | "composition";
/** Scores by id with their order, all of it checked, and each composition taken apart. */
export type Gathered = Pick<Composition, "scores" | "after" | "restartOn" | "policies">;

export const asComposition = (name: string, gathered: Gathered): Composition =>
  Object.freeze({ ...gathered, name, [composed]: true as const });

/**
 * Takes compositions apart: the part `config` of `lb` becomes `lb.config`, and what is said of `lb` holds for all its
 * parts, but a restart for those that run something.
 *
 * @throws {InvalidManifest}
 */
export function gather(given: object, { after = {}, restartOn = {}, policies = {} }: Order, whole: Whole): Gathered {
  const scores: Record<string, AnyScore> = {};
  /** By the id that was given, the ids that came of it. */
  const groups = new Map<string, readonly string[]>();
  const ruled: Record<string, Policy> = {};
  const inner = { after: new Map<string, readonly string[]>(), restartOn: new Map<string, readonly string[]>() };
  for (const [id, value] of Object.entries(given)) {
    if (!SCORE_ID.test(id)) throw new InvalidManifest(`"${id}" is no Score id: ${RULE}`);
    const parts = partsOf(id, value);
    for (const [flat, score] of parts) {
      if (Object.hasOwn(scores, flat)) throw new InvalidManifest(`"${flat}" is there twice: ${CLASH}`);
      scores[flat] = score;
    }
    groups.set(id, [...parts.keys()]);
    if (!isComposition(value)) continue;
    for (const [of, policy] of Object.entries(value.policies)) ruled[`${id}.${of}`] = policy;
    for (const name of ["after", "restartOn"] as const) {
      for (const [of, ons] of Object.entries(value[name])) {
        inner[name].set(
          `${id}.${of}`,
          ons.map((on) => `${id}.${on}`),
        );
      }
    }
  }
  checkEdges("after", after, groups, whole);
  checkEdges("restartOn", restartOn, groups, whole);
  // Each composition is without a cycle itself and has a part, so there is one below if and only if there is one here.
  const cycle = findCycle(defined(after));
  if (cycle !== null) throw new InvalidManifest(`after: ${cycle.join(" comes after ")}: take one of these out`);
  // On the left of restartOn a composition means those of its parts that run something.
  const runs = new Map([...groups].map(([id, flat]) => [id, flat.filter((each) => scores[each]?.bind().restarts)]));
  for (const [id, ons] of Object.entries(restartOn)) {
    if (ons === undefined || ons.length === 0 || runs.get(id)?.length !== 0) continue;
    const what = scores[id]?.kind;
    throw new InvalidManifest(
      what === undefined
        ? `restartOn: nothing in "${id}" can be restarted: take it out, or name the Score that runs`
        : `restartOn: "${id}" is a ${what}, and nothing of that kind can be restarted: take it out, or name the Score that runs`,
    );
  }
  return {
    scores,
    after: flatEdges("after", after, groups, groups, inner.after),
    restartOn: flatEdges("restartOn", restartOn, runs, groups, inner.restartOn),
    policies: flatPolicies(policies, ruled, groups, whole),
  };
}

/** What is said of a composition goes before what it says itself, field by field. */
function flatPolicies(
  given: NonNullable<Order["policies"]>,
  inner: ByIdPolicies,
  groups: Groups,
  whole: Whole,
): ByIdPolicies {
  const made: Record<string, Policy> = { ...inner };
  for (const [of, policy] of Object.entries(given)) {
    if (!groups.has(of)) throw new InvalidManifest(`policies: there is no Score "${of}" in this ${whole}`);
    const read = Policy.safeParse(policy ?? {});
    if (!read.success) throw new InvalidManifest(`policies: "${of}": ${z.prettifyError(read.error)}`);
    for (const id of groups.get(of) ?? []) made[id] = { ...made[id], ...read.data };
  }
  return Object.fromEntries(
    Object.entries(made).flatMap(([id, each]) => {
      const wrong = contradiction(each);
      if (wrong !== null) throw new InvalidManifest(`policies: "${id}": ${wrong}`);
      const policy = policyOf(policiesOf(each));
      return policy === null ? [] : [[id, policy]];
    }),
  );
}

const RULE =
  'use 1 to 63 of a-z, 0-9, "-", "_" and ".", beginning with a letter or digit (and not "constructor" or "prototype")';
const CLASH =
  "a part of a composition has the composition's id, a dot, and its own for an id, and another Score has that one too. Call one of them something else";

function partsOf(id: string, value: unknown): ReadonlyMap<string, AnyScore> {
  if (isScore(value)) return new Map([[id, value]]);
  if (!isComposition(value)) {
    throw new InvalidManifest(`"${id}" is no Score: make it with "new FileScore({ ... })" or another kind`);
  }
  const parts = new Map<string, AnyScore>();
  for (const [part, score] of Object.entries(value.scores)) {
    const flat = `${id}.${part}`;
    if (!SCORE_ID.test(flat)) {
      throw new InvalidManifest(
        `"${flat}", a part of the ${value.name} "${id}", is no Score id, as it has ${flat.length} characters and not at most 63: make "${id}" shorter`,
      );
    }
    parts.set(flat, score);
  }
  return parts;
}

type Given = Readonly<Record<string, readonly string[] | undefined>>;
type Groups = ReadonlyMap<string, readonly string[]>;

function checkEdges(name: "after" | "restartOn", given: Given, groups: Groups, whole: Whole): void {
  for (const [of, ons] of Object.entries(given)) {
    for (const id of [of, ...(ons ?? [])]) {
      if (!groups.has(id)) throw new InvalidManifest(`${name}: there is no Score "${id}" in this ${whole}`);
    }
    // One that comes after itself is told with the cycles.
    if (name === "restartOn" && ons?.includes(of) === true) {
      throw new InvalidManifest(`restartOn: "${of}" names itself: take that out`);
    }
  }
}

const defined = (given: Given): Edges =>
  Object.fromEntries(Object.entries(given).flatMap(([of, ons]) => (ons === undefined ? [] : [[of, ons]])));

function flatEdges(name: string, given: Given, left: Groups, right: Groups, inner: Groups): Edges {
  const made: Record<string, readonly string[]> = Object.fromEntries(inner);
  for (const [of, ons = []] of Object.entries(given)) {
    const flat = ons.flatMap((on) => right.get(on) ?? []);
    if (flat.length === 0) continue;
    for (const id of left.get(of) ?? []) made[id] = [...new Set([...(made[id] ?? []), ...flat])];
  }
  for (const [of, { length }] of Object.entries(made)) {
    if (length > EDGES_LIMIT) {
      throw new InvalidManifest(
        `${name}: "${of}" names ${length} Scores, at most ${EDGES_LIMIT} may be: name those alone that come last`,
      );
    }
  }
  return made;
}
