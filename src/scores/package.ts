import { match } from "ts-pattern";
import * as z from "zod";
import { PackageManager } from "../capabilities/package-manager.ts";
import { conditionsOf, meets } from "./debian-version.ts";
import type { Obstruction } from "./outcome.ts";
import { Score } from "./score.ts";

/** As Debian names packages. Without an architecture: it is the device's own. */
const PackageName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9+.-]{1,99}$/, "a package is 2 to 100 of a-z, 0-9, and + . - within it");

const VERSION = String.raw`(\d{1,9}:)?\d[A-Za-z0-9.+~-]{0,99}`;
const VersionConditions = z
  .string()
  .max(512)
  .regex(
    new RegExp(String.raw`^((=|>=|<=|>>|<<) ?)?${VERSION}( ?, ?((=|>=|<=|>>|<<) ?)?${VERSION})*$`),
    'a version is one of Debian\'s, such as "1.2-3", or conditions such as ">= 1.2, << 2"',
  );

const spec = z
  .strictObject({
    /** As Debian calls it: `"nginx"`. */
    name: PackageName,
    /** Default `present`. */
    state: z.enum(["present", "absent"]).default("present"),
    /**
     * The version, or conditions that it meets, all of them: `"1.2-3"`, `">= 1.2, << 2"` (`<<` and `>>` leave the version
     * itself out). What is there and meets them is left as it is; else it is upgraded or downgraded. Default: any.
     */
    version: VersionConditions.optional(),
    /** Whether upgrades by others leave it alone. Default: as it is. */
    hold: z.boolean().optional(),
    /** The packages that may be removed for it, where they are in its way or need it. Default none. */
    mayRemove: z.array(PackageName).max(64).default([]),
  })
  .refine(({ state, version, hold }) => state === "present" || (version === undefined && hold !== true), {
    error: "what is absent has neither a version nor a hold",
  });

const observed = z.object({
  status: z.enum(["absent", "configuration", "installed", "broken"]),
  version: z.string().nullable(),
  held: z.boolean(),
  essential: z.boolean(),
});

const step = z.discriminatedUnion("do", [
  /** `over`: what is there now: nothing, old configuration files, or another or a broken version. */
  z.object({
    do: z.literal("install"),
    name: z.string(),
    version: z.string().nullable(),
    over: z.enum(["nothing", "configuration", "package"]),
  }),
  /** `configuration`: with its files in /etc; `needless`: with what came for its sake. */
  z.object({ do: z.literal("remove"), name: z.string(), configuration: z.boolean(), needless: z.boolean() }),
  z.object({ do: z.literal("hold"), name: z.string() }),
  z.object({ do: z.literal("unhold"), name: z.string() }),
]);
type Step = z.infer<typeof step>;

/**
 * A package of the distribution, from the sources that the device has.
 *
 * It is removed with the Score only if the Score installed it: then with its configuration files, unless older ones were
 * there, and with the packages that came for its sake. What was there before stays, in the version that it has by then.
 */
export class PackageScore extends Score(
  "Package",
  { version: 1, requires: [PackageManager], spec, observed, step },
  {
    // A slow line, a slow card, and what the package does when it is set up.
    deadlineMs: 900_000,
    identity: ({ name }) => `package:${name}`,
    reach: () => [{ _tag: "program", what: "what its package brings and runs", unit: null }],
    // Configuration files that a removed package left are no package.
    exists: (_, { status }) => status === "installed" || status === "broken",
    observe: ({ name }, { PackageManager: packages }) => ({ ...packages.inspect(name) }),

    plan({ name, state, version, hold }, seen) {
      const isThere = seen.status === "installed" || seen.status === "broken";
      if (state === "absent") {
        if (!isThere) return [];
        return seen.essential ? isEssential(name) : [{ do: "remove", name, configuration: false, needless: false }];
      }
      const isRight =
        seen.status === "installed" &&
        (version === undefined || (seen.version !== null && meets(seen.version, conditionsOf(version))));
      // A hold is somebody's wish, and only the Score's own word goes over it.
      if (!isRight && seen.status === "installed" && seen.held && hold === undefined) return isHeld(name, seen.version);
      const steps: Step[] = [];
      if (!isRight) {
        const over = isThere ? "package" : seen.status === "absent" ? "nothing" : "configuration";
        steps.push({ do: "install", name, version: version ?? null, over });
      }
      if (hold !== undefined && hold !== (isThere && seen.held)) steps.push({ do: hold ? "hold" : "unhold", name });
      return steps;
    },

    retire({ name }, seen, claims) {
      const isThere = seen.status === "installed" || seen.status === "broken";
      const configuration = claims.has(`configuration:${name}`);
      if (isThere ? claims.has(`installed:${name}`) : seen.status === "configuration" && configuration) {
        return [{ do: "remove", name, configuration, needless: true }];
      }
      return isThere && seen.held && claims.has(`held:${name}`) ? [{ do: "unhold", name }] : [];
    },

    claims: (taken) =>
      match(taken)
        .returnType<readonly string[]>()
        .with({ do: "install", over: "nothing" }, ({ name }) => [`installed:${name}`, `configuration:${name}`])
        .with({ do: "install", over: "configuration" }, ({ name }) => [`installed:${name}`])
        .with({ do: "hold" }, ({ name }) => [`held:${name}`])
        .otherwise(() => []),

    apply: (taken, { name, version, mayRemove }, { PackageManager: packages }, { signal }) =>
      match(taken)
        .with({ do: "install" }, () =>
          packages.install(name, version === undefined ? [] : conditionsOf(version), { mayRemove }, signal),
        )
        .with({ do: "remove" }, ({ configuration, needless }) =>
          packages.remove(name, { mayRemove, configuration, needless }, signal),
        )
        .with({ do: "hold" }, () => packages.setHold(name, true, signal))
        .with({ do: "unhold" }, () => packages.setHold(name, false, signal))
        .exhaustive(),

    watch: (_, { PackageManager: packages }, changed) => packages.watch(changed),
  },
) {}

const isEssential = (name: string): Obstruction => ({
  obstructed: `${name} is essential: the device cannot do without it`,
  blame: "author",
  next: "Take the Score out.",
});
const isHeld = (name: string, version: string | null): Obstruction => ({
  obstructed: `${name} ${version ?? ""} is held on this device, and its version is not the one that is wanted`,
  blame: "device",
  next: 'Find out why it is held; "hold" in the Score says who decides.',
});
