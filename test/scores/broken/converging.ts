import { type Cabinet, drawerKind, LOCKED, sound } from "../drawer.ts";
import { firstTime, type Mutant, present } from "./mutant.ts";

/** Kinds that do not bring the device to what is wanted, or do more than that. */
export const CONVERGING: readonly Mutant[] = [
  {
    what: "takes away what it should start anew",
    kind: () =>
      drawerKind({
        restart: (spec, seen) =>
          seen.state === "present" && seen.text === spec.text
            ? [{ do: "unlabel", drawer: spec.name }]
            : sound.plan(spec, seen),
      }),
    check: "starts anew what runs",
    says: /told to start anew what runs, it does that and nothing else/,
  },
  {
    what: "is never done with starting anew",
    kind() {
      let told = false;
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          return "obstructed" in steps || steps.length > 0 || !told ? steps : [{ do: "label", drawer: spec.name }];
        },
        restart(spec, seen) {
          told = true;
          return sound.plan(spec, seen);
        },
      });
    },
    check: "starts anew what runs",
    says: /it is a NOOP without a write/,
  },
  {
    what: "does it once more although it was so already",
    kind() {
      const isNew = firstTime();
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          const first = isNew(spec);
          return "obstructed" in steps || steps.length > 0 || !first ? steps : [{ do: "label", drawer: spec.name }];
        },
      });
    },
    check: "comes to what the device allows",
    says: /the device was as the spec wants, so it is a NOOP/,
  },
  {
    what: "does it again after it has done it",
    kind() {
      const looks = new WeakMap<object, number>();
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          const left = looks.get(spec);
          if ("obstructed" in steps || steps.length > 0 || left === undefined) return steps;
          looks.set(spec, left - 1);
          return left === 0 ? [{ do: "label", drawer: spec.name }] : [];
        },
        apply(step, spec, ports, context) {
          looks.set(spec, 1);
          return sound.apply(step, spec, ports, context);
        },
      });
    },
    check: "comes to what the device allows",
    says: /interpreted again at once, it is a NOOP/,
  },
  {
    what: "says that it is so without having looked",
    kind: () => drawerKind({ plan: () => [] }),
    check: "comes to what the device allows",
    says: /could be made so, so it is a SUCCESS/,
  },
  {
    what: "is content with half of it",
    kind: () =>
      drawerKind({ plan: ({ name }, seen) => (seen.state === "absent" ? [{ do: "build", drawer: name }] : []) }),
    check: "comes to what the device allows",
    says: /SUCCESS was said, and the device is not as the spec wants/,
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
    what: "overrides what it finds in its way when it finds it again",
    kind() {
      const isNew = firstTime();
      return drawerKind({
        plan(spec, seen) {
          const locked = seen.state === "present" && seen.text === LOCKED;
          return sound.plan(spec, locked && !isNew(spec) ? present("") : seen);
        },
      });
    },
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
    what: "does something else than it has said",
    kind() {
      let asked = 0;
      return drawerKind({
        plan(spec, seen) {
          const steps = sound.plan(spec, seen);
          asked += 1;
          return "obstructed" in steps ? steps : steps.map((each) => ({ ...each, drawer: `${each.drawer}-${asked}` }));
        },
      });
    },
    check: "previews the very steps",
    says: /takes the steps that the preview told/,
  },
  {
    what: "tells another reason than before why it cannot be",
    kind() {
      let asked = 0;
      return drawerKind({
        plan(spec, seen) {
          const plan = sound.plan(spec, seen);
          asked += 1;
          return "obstructed" in plan ? { ...plan, next: `Ask again, for the time ${asked}.` } : plan;
        },
      });
    },
    check: "previews the very steps",
    says: /the preview and the run tell the same failure/,
  },
  {
    what: "writes for a preview, through a port that it has kept",
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
    check: "previews the very steps",
    says: /a preview writes nothing/,
  },
];
