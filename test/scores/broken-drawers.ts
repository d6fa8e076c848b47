import * as z from "zod";
import { PortError } from "../../src/capabilities/port-error.ts";
import { type AnyScoreClass, Score } from "../../src/scores/score.ts";
import { type Cabinet, drawerKind, LOCKED, shape, sound } from "./drawer.ts";

/** A kind that breaks the contract in one way. */
export interface Mutant {
  readonly what: string;
  /** Made anew for each run, because some of them remember things. */
  readonly kind: () => AnyScoreClass;
  /** Words from the name of the check that is there to find it. */
  readonly check: string;
  /** What the check says. */
  readonly says: RegExp;
}

const present = (text: string) => ({ state: "present", text }) as const;

export const MUTANTS: readonly Mutant[] = [
  {
    what: "does it again although it is so",
    kind() {
      let justDone = false;
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          if ("obstructed" in steps || steps.length > 0 || justDone) {
            justDone = false;
            return steps;
          }
          return [{ do: "label", drawer: spec.name }];
        },
        apply(...given) {
          justDone = true;
          return sound.apply(...given);
        },
      });
    },
    check: "comes to what the device allows",
    says: /NOOP without a write/,
  },
  {
    what: "says that it is so without having looked",
    kind: () => drawerKind({ plan: () => [] }),
    check: "comes to what the device allows",
    says: /could be made so, so it is a SUCCESS/,
  },
  {
    what: "does what is not what it wants, so that it never converges",
    kind: () =>
      drawerKind({
        apply: (step, spec, ports, context) => sound.apply(step, { ...spec, text: `${spec.text}!` }, ports, context),
      }),
    check: "comes to what the device allows",
    says: /DidNotConverge/,
  },
  {
    what: "overrides what it finds in its way",
    kind: () =>
      drawerKind({
        plan: (spec, seen) =>
          seen.state === "present" && seen.text === LOCKED ? sound.plan(spec, present("")) : sound.plan(spec, seen),
      }),
    check: "comes to what the device allows",
    says: /something is in the way/,
  },
  {
    what: "changes what is none of its business",
    kind: () =>
      drawerKind({
        async apply(step, spec, ports, context) {
          await sound.apply(step, spec, ports, context);
          await ports.Cabinet.label("other", spec.text);
        },
      }),
    check: "comes to what the device allows",
    says: /none of its business/,
  },
  {
    what: "throws what it may not throw",
    kind: () => drawerKind({ apply: () => Promise.reject(new TypeError("oops")) }),
    check: "comes to what the device allows",
    says: /threw what it may not throw[^]*oops/,
  },
  {
    what: "leaves a timer behind",
    kind: () =>
      drawerKind({
        observe(spec, ports, context) {
          context.clock.after(60_000, () => {});
          return sound.observe(spec, ports, context);
        },
      }),
    check: "comes to what the device allows",
    says: /a timer is left behind/,
  },
  {
    what: "is not safe to repeat",
    kind: () =>
      drawerKind({
        plan: (spec, seen) =>
          sound.plan(spec, seen.state === "present" && seen.text === "" ? { state: "absent" } : seen),
        async apply(step, spec, ports, context) {
          const { name } = spec;
          if (step.do === "build" && (await ports.Cabinet.look(name, context.signal)) !== null) {
            throw new PortError({ code: "Failed", blame: "author", message: `${name} is there already`, next: "" });
          }
          await sound.apply(step, spec, ports, context);
        },
      }),
    check: "can be run again after any port call failed",
    says: /is there already/,
  },
  {
    what: "stops waiting by a timer of its own, and guesses",
    kind: () =>
      drawerKind({
        observe: (spec, ports, context) =>
          new Promise((resolve, reject) => {
            const cancel = context.clock.after(100, () => resolve({ state: "absent" }));
            void Promise.resolve(sound.observe(spec, ports, context))
              .then(resolve, reject)
              .finally(cancel);
          }),
      }),
    check: "is given up at its deadline when",
    says: /until its deadline|at the deadline/,
  },
  {
    what: "stops waiting by a timer of its own while it is retired",
    kind: () =>
      drawerKind({
        apply: (step, spec, ports, context) =>
          step.do !== "remove"
            ? sound.apply(step, spec, ports, context)
            : new Promise((resolve, reject) => {
                const cancel = context.clock.after(100, resolve);
                void Promise.resolve(sound.apply(step, spec, ports, context))
                  .then(resolve, reject)
                  .finally(cancel);
              }),
      }),
    check: "is given up at its deadline while it is retired",
    says: /until its deadline/,
  },
  {
    what: "looks once, and never again",
    kind() {
      let looked: ReturnType<typeof sound.observe> | undefined;
      return drawerKind({
        observe: (spec, ports, context) => (looked ??= sound.observe(spec, ports, context)),
        apply(...given) {
          looked = undefined;
          return sound.apply(...given);
        },
      });
    },
    check: "repairs what others change",
    says: /could be made so, so it is a SUCCESS/,
  },
  {
    what: "claims nothing",
    kind: () => drawerKind({ claims: () => [] }),
    check: "claims what it brings into being",
    says: /without a claim/,
  },
  {
    what: "takes its own half-done work for a foreign thing",
    kind: () =>
      drawerKind({
        plan: (spec, seen) => sound.plan(spec, seen.state === "present" && seen.text === "" ? present(LOCKED) : seen),
      }),
    check: "stops after the current step",
    says: /could be made so/,
  },
  {
    what: "does something else than it has said",
    kind() {
      let labelled = 0;
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          labelled += 1;
          return "obstructed" in steps
            ? steps
            : steps.map((each) => ({ ...each, drawer: `${each.drawer}-${labelled}` }));
        },
      });
    },
    check: "previews the very steps",
    says: /takes the steps that the preview told/,
  },
  {
    what: "writes while it observes, through a port that it has kept",
    kind() {
      let kept: Cabinet | undefined;
      return drawerKind({
        async observe(spec, ports, context) {
          await kept?.label(spec.name, spec.text).catch(() => {});
          return sound.observe(spec, ports, context);
        },
        apply(step, spec, ports, context) {
          kept = ports.Cabinet;
          return sound.apply(step, spec, ports, context);
        },
      });
    },
    check: "sees the reading methods",
    says: /while it observes, it writes/,
  },
  {
    what: "looks for a way to write while it observes",
    kind: () =>
      drawerKind({
        observe(spec, ports, context) {
          if (Reflect.get(ports.Cabinet, "label") !== undefined) throw new Error("a way to write");
          return sound.observe(spec, ports, context);
        },
      }),
    check: "sees the reading methods",
    says: /reaches for what it may not use[^]*Cabinet\.label/,
  },
  {
    what: "forgets to remove",
    kind: () => drawerKind({ retire: () => [] }),
    check: "removes its own when it is retired",
    says: /leaves exactly what is not its own/,
  },
  {
    what: "removes what others have locked meanwhile",
    kind: () =>
      drawerKind({
        retire: ({ name }, seen, claims) =>
          seen.state === "present" && claims.has(name) ? [{ do: "remove", drawer: name }] : [],
      }),
    check: "removes its own and leaves all else after others changed things",
    says: /leaves exactly what is not its own/,
  },
  {
    what: "does not know its own once half of it is removed",
    kind: () =>
      drawerKind({
        retire: (spec, seen, claims) =>
          seen.state === "present" && seen.text === "" ? [] : sound.retire(spec, seen, claims),
      }),
    check: "can be retired again after any port call failed",
    says: /leaves exactly what is not its own/,
  },
  {
    what: "removes a foreign thing",
    kind: () => drawerKind({ retire: (spec, seen) => sound.retire(spec, seen, new Set([spec.name])) }),
    check: "takes nothing away that it never made",
    says: /leaves exactly what is not its own/,
  },
  {
    what: "decides by what it remembers",
    kind() {
      let asked = 0;
      return drawerKind({
        retire: (spec, seen, claims) => (asked++ % 2 === 0 ? [] : sound.retire(spec, seen, claims)),
      });
    },
    check: "are pure",
    says: /asked twice, it decides alike/,
  },
  {
    what: "tells what JSON does not carry",
    kind: () =>
      Score(
        "Drawer",
        { ...shape, observed: z.object({ seen: z.custom<Awaited<ReturnType<typeof sound.observe>>>(), at: z.date() }) },
        {
          ...sound,
          observe: async (spec, ports, context) => ({
            seen: await sound.observe(spec, ports, context),
            at: context.clock.now(),
          }),
          plan: (spec, { seen }) => sound.plan(spec, seen),
          retire: (spec, { seen }, claims) => sound.retire(spec, seen, claims),
        },
      ),
    check: "tells what it sees and does",
    says: /not plain JSON/,
  },
  {
    what: "tells more than its schema has",
    kind: () =>
      drawerKind({ observe: async (...given) => Object.assign({ secret: "x" }, await sound.observe(...given)) }),
    check: "tells what it sees and does",
    says: /leaves out part/,
  },
  {
    what: "reads its own spec as another one",
    kind: () =>
      Score(
        "Drawer",
        { ...shape, spec: z.strictObject({ name: z.string(), text: z.string().overwrite((text) => `${text}!`) }) },
        sound,
      ),
    check: "comes out of the wire",
    says: /arrives as it was sent/,
  },
];
