import { drawerKind, noSuch, sound } from "../drawer.ts";
import { firstTime, type Mutant } from "./mutant.ts";

/** Kinds that remove too little, too much or too often. */
export const RETIRING: readonly Mutant[] = [
  {
    what: "forgets to remove",
    kind: () => drawerKind({ retire: () => [] }),
    check: "removes its own when it is retired",
    says: /leaves exactly what is not its own/,
  },
  {
    what: "has never done removing",
    kind: () =>
      drawerKind({ retire: ({ name }, _, claims) => (claims.has(name) ? [{ do: "remove", drawer: name }] : []) }),
    check: "removes its own when it is retired",
    says: /there was something to remove, so it is a SUCCESS/,
  },
  {
    what: "removes what is gone once more",
    kind() {
      const looks = new WeakMap<object, number>();
      return drawerKind({
        retire(spec, seen, claims) {
          const left = looks.get(spec);
          if (seen.state === "present" || left === undefined) return sound.retire(spec, seen, claims);
          looks.set(spec, left - 1);
          return left === 0 ? [{ do: "remove", drawer: spec.name }] : [];
        },
        apply(step, spec, ports, context) {
          looks.set(spec, 1);
          return sound.apply(step, spec, ports, context);
        },
      });
    },
    check: "removes its own when it is retired",
    says: /retired again at once, no call may write/,
  },
  {
    what: "removes what was never there",
    kind() {
      const isNew = firstTime();
      return drawerKind({
        retire(spec, seen, claims) {
          const steps = sound.retire(spec, seen, claims);
          return seen.state === "absent" && isNew(spec) ? [{ do: "remove", drawer: spec.name }] : steps;
        },
      });
    },
    check: "takes nothing away that it never made",
    says: /there was nothing to remove, so no call may write/,
  },
  {
    what: "fails where there is nothing to remove",
    kind: () =>
      drawerKind({
        retire(spec, seen, claims) {
          if (seen.state === "absent") throw noSuch(spec.name);
          return sound.retire(spec, seen, claims);
        },
      }),
    check: "takes nothing away that it never made",
    says: /PortFailed/,
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
];
