import * as fc from "fast-check";
import * as z from "zod";
import { capability } from "../../src/capabilities/capability.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { type AnyScoreClass, type Interpretation, Score } from "../../src/scores/score.ts";
import type { World } from "../../src/testing/index.ts";

/** A small capability and a small kind of the tests' own, to see the engine and the contract suite at work. */

export interface Cabinet {
  /** The label of a drawer, empty for one without; null where there is no drawer. */
  look(name: string, signal: AbortSignal): Promise<string | null>;
  /** Succeeds when the drawer is there. */
  build(name: string, signal: AbortSignal): Promise<void>;
  label(name: string, text: string): Promise<void>;
  /** Succeeds when there is none. */
  remove(name: string): Promise<void>;
}
export const Cabinet = capability<Cabinet>()("Cabinet", { reads: ["look"] });

export class FakeCabinet implements Cabinet {
  readonly labels: Map<string, string>;

  constructor(labels: Readonly<Record<string, string>> = {}) {
    this.labels = new Map(Object.entries(labels));
  }
  async look(name: string): Promise<string | null> {
    return this.labels.get(name) ?? null;
  }
  async build(name: string): Promise<void> {
    if (!this.labels.has(name)) this.labels.set(name, "");
  }
  async label(name: string, text: string): Promise<void> {
    if (!this.labels.has(name)) throw noSuch(name);
    this.labels.set(name, text);
  }
  async remove(name: string): Promise<void> {
    this.labels.delete(name);
  }
}

export const noSuch = (name: string): PortError =>
  new PortError({ code: "NotFound", blame: "device", message: `there is no drawer ${name}`, next: "Build it first." });

/** The label of a drawer that others have locked: it is not for a Score to touch. */
export const LOCKED = "locked";

const spec = z.strictObject({ name: z.string(), text: z.string() });
const observed = z.discriminatedUnion("state", [
  z.object({ state: z.literal("absent") }),
  z.object({ state: z.literal("present"), text: z.string() }),
]);
const step = z.object({ do: z.enum(["build", "label", "unlabel", "remove"]), drawer: z.string() });

export type DrawerSpec = Readonly<z.infer<typeof spec>>;
type Seen = z.infer<typeof observed>;
type Step = z.infer<typeof step>;
export type DrawerInterpretation = Interpretation<readonly [typeof Cabinet], DrawerSpec, Seen, Step>;

export const shape = { version: 1, requires: [Cabinet], spec, observed, step } as const;

/** A drawer with a label. It is removed with the Score only if the Score made it. */
export const sound: DrawerInterpretation = {
  identity: ({ name }) => `drawer:${name}`,
  async observe({ name }, { Cabinet: cabinet }, { signal }) {
    const text = await cabinet.look(name, signal);
    return text === null ? { state: "absent" } : { state: "present", text };
  },
  plan({ name, text }, seen) {
    const label: Step = { do: "label", drawer: name };
    if (seen.state === "absent") return [{ do: "build", drawer: name }, label];
    if (seen.text !== LOCKED) return seen.text === text ? [] : [label];
    return { obstructed: `${name} is locked`, blame: "device", next: "Ask for the key." };
  },
  retire({ name }, seen, claims) {
    if (seen.state === "absent" || seen.text === LOCKED || !claims.has(name)) return [];
    const remove: Step = { do: "remove", drawer: name };
    return seen.text === "" ? [remove] : [{ do: "unlabel", drawer: name }, remove];
  },
  claims: (taken) => (taken.do === "build" ? [taken.drawer] : []),
  apply(taken, { name, text }, { Cabinet: cabinet }, { signal }) {
    switch (taken.do) {
      case "build":
        return cabinet.build(name, signal);
      case "label":
        return cabinet.label(name, text);
      case "unlabel":
        return cabinet.label(name, "");
      case "remove":
        return cabinet.remove(name);
    }
  },
  deadlineMs: 5_000,
};

/** The kind, with parts of it replaced. */
export const drawerKind = (changes: Partial<DrawerInterpretation> = {}) =>
  Score("Drawer", shape, { ...sound, ...changes });

export const DrawerScore = drawerKind();

const texts = fc.constantFrom("mine", "theirs", "", LOCKED);

/** The world of {@link DrawerScore}, for it or for a broken one like it. */
export const drawerWorld = (
  kind: AnyScoreClass = DrawerScore,
): World<
  DrawerSpec,
  Readonly<Record<string, string>>,
  { readonly name: string; readonly to: string | null },
  string
> => ({
  kind,
  specs: fc.record(
    { name: fc.constantFrom("a", "b"), text: fc.constantFrom("mine", "ours") },
    { noNullPrototype: true },
  ),
  devices: ({ name }) =>
    fc
      .tuple(texts, fc.option(texts, { nil: null }))
      .map(([other, there]) => (there === null ? { other } : { other, [name]: there })),
  changes: ({ name }) => fc.record({ name: fc.constantFrom(name, "other"), to: fc.option(texts, { nil: null }) }),
  open(labels) {
    const cabinet = new FakeCabinet(labels);
    return {
      ports: { Cabinet: cabinet },
      snapshot: () => Object.fromEntries([...cabinet.labels].toSorted(([a], [b]) => (a < b ? -1 : 1))),
      change: ({ name, to }) => void (to === null ? cabinet.labels.delete(name) : cabinet.labels.set(name, to)),
    };
  },
  about: ({ name }) => [name],
  judge({ name, text }, now) {
    if (now[name] === LOCKED) return "obstructed";
    return now[name] === text ? "so" : "not-so";
  },
  left({ name }, now, made) {
    const left = { ...now };
    if (made.has(name) && now[name] !== LOCKED) delete left[name];
    return left;
  },
});
