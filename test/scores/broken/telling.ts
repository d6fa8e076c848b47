import * as z from "zod";
import { Score } from "../../../src/scores/score.ts";
import { type Cabinet, drawerKind, shape, sound } from "../drawer.ts";
import type { Mutant } from "./mutant.ts";

/** Kinds that look where they may not, decide by more than they are given, or tell what does not travel. */
export const TELLING: readonly Mutant[] = [
  {
    what: "restarts by chance",
    kind() {
      let asked = 0;
      return drawerKind({
        restart: ({ name, text }) => [{ do: "label", drawer: `${name}${asked++ % 2 === 0 ? text : ""}` }],
      });
    },
    check: "are pure",
    says: /asked twice, it decides alike/,
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
    what: "looks for a port that it does not require",
    kind: () =>
      drawerKind({
        observe(spec, ports, context) {
          if (Reflect.get(ports, "Elsewhere") !== undefined) throw new Error("a port of somebody else");
          return sound.observe(spec, ports, context);
        },
      }),
    check: "sees the reading methods",
    says: /reaches for what it may not use[^]*ports\.Elsewhere/,
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
    what: "changes what it was given to decide by",
    kind: () =>
      drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          if (seen.state === "present") Object.assign(seen, { text: spec.text });
          return steps;
        },
      }),
    check: "are pure",
    says: /Cannot assign to read only property/,
  },
  {
    what: "is about something else each time",
    kind() {
      let made = 0;
      return drawerKind({ identity: ({ name }) => `drawer:${name}-${(made += 1)}` });
    },
    check: "are pure",
    says: /equal specs have one identity/,
  },
  {
    what: "is about a thing without saying of what concept",
    kind: () => drawerKind({ identity: ({ name }) => name }),
    check: "are pure",
    says: /an identity is "<concept>:<name>"/,
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
          restart: (spec, { seen }) => sound.plan(spec, seen),
          awaits: () => false,
          exists: (_, { seen }) => seen.state !== "absent",
          run: () => null,
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
    what: "takes steps that its schema does not have",
    kind: () => Score("Drawer", { ...shape, step: shape.step.refine((step) => step.do !== "label") }, sound),
    check: "tells what it sees and does",
    says: /schema "step" does not take what the kind made/,
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
  {
    what: "holds what does not travel",
    kind: () => Score("Drawer", { ...shape, spec: shape.spec.extend({ more: z.any().default(/x/) }) }, sound),
    check: "comes out of the wire",
    says: /the wire takes every spec that the kind takes[^]*regexp/,
  },
];
