import { PortError } from "../../../src/capabilities/port-error.ts";
import { drawerKind, LOCKED, sound } from "../drawer.ts";
import { guessAfter, type Mutant, present } from "./mutant.ts";

/** Kinds that go wrong when something else does: a call, a crash, a newer generation. */
export const DISTURBED: readonly Mutant[] = [
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
    what: "keeps quiet about a look that failed",
    kind: () =>
      drawerKind({
        async observe(spec, ports, context) {
          try {
            return await sound.observe(spec, ports, context);
          } catch {
            return { state: "absent" };
          }
        },
      }),
    check: "can be run again after any port call failed",
    says: /a port call failed, so it is a FAILURE \(PortFailed\)/,
  },
  {
    what: "clears away what is not its own when a step fails",
    kind: () =>
      drawerKind({
        async apply(step, spec, ports, context) {
          try {
            await sound.apply(step, spec, ports, context);
          } catch (error) {
            await ports.Cabinet.remove("other");
            throw error;
          }
        },
      }),
    check: "can be run again after any port call failed",
    says: /none of its business/,
  },
  {
    what: "leaves itself locked out when it is cut short",
    kind: () =>
      drawerKind({
        async apply(step, spec, ports, context) {
          if (step.do === "label") await ports.Cabinet.label(spec.name, LOCKED);
          await sound.apply(step, spec, ports, context);
        },
      }),
    check: "can be run again after any port call failed",
    says: /half done is in its own way/,
  },
  {
    what: "stops waiting by a timer of its own, and guesses",
    kind: () => drawerKind({ observe: guessAfter(100) }),
    check: "is given up at its deadline when",
    says: /waits for the call until its deadline/,
  },
  {
    what: "guesses at the last moment",
    kind: () => drawerKind({ observe: guessAfter(5_000) }),
    check: "is given up at its deadline when",
    says: /so it is a FAILURE \(TimedOut\) at the deadline/,
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
    says: /waits for the call until its deadline/,
  },
  {
    what: "claims nothing",
    kind: () => drawerKind({ claims: () => [] }),
    check: "claims what it brings into being",
    says: /without a claim/,
  },
  {
    what: "makes something for a moment that a crash would leave for ever",
    kind: () =>
      drawerKind({
        async apply(step, spec, ports, context) {
          await ports.Cabinet.build("scratch", context.signal);
          await sound.apply(step, spec, ports, context);
          await ports.Cabinet.remove("scratch");
        },
      }),
    check: "claims what it brings into being",
    says: /without a claim[^]*"scratch"/,
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
    what: "takes other steps each time it is asked",
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
    check: "stops after the current step",
    says: /ends after the current step and tells what remains/,
  },
];
