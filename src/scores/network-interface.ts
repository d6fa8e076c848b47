import { match } from "ts-pattern";
import * as z from "zod";
import { type Attempt, type InterfaceState, NetworkConfigurator } from "../capabilities/network-configurator.ts";
import { differences, profileId } from "./interface-profile.ts";
import { InterfaceSpec, profileOf } from "./interface-spec.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import { Score } from "./score.ts";

const attempt = z.object({ id: z.string(), attempt: z.number() });
const own = {
  name: z.string(),
  /** Harmony's own profile; `id` is null where somebody else has changed it. */
  profile: z.object({ id: z.string().nullable(), inEffect: z.boolean() }).nullable(),
  /** What was begun and never confirmed, because the agent was ended in between. */
  trying: attempt.nullable(),
  rolledBack: attempt.nullable(),
};
const route = z.object({ to: z.string(), via: z.string().nullable(), metric: z.number().nullable() });

const observed = z.discriminatedUnion("state", [
  z.object({ ...own, state: z.literal("absent") }),
  /** Neither back end can be asked to configure it. */
  z.object({ ...own, state: z.literal("unmanaged"), why: z.string(), next: z.string() }),
  z.object({
    ...own,
    state: z.literal("managed"),
    backEnd: z.enum(["NetworkManager", "systemd-networkd"]),
    mac: z.string(),
    mtu: z.number(),
    up: z.boolean(),
    carrier: z.boolean(),
    addresses: z
      .array(z.object({ address: z.string(), origin: z.enum(["static", "dhcp", "autoconf", "link-local"]) }))
      .readonly(),
    routes: z.array(route).readonly(),
    dns: z.array(z.string()).readonly(),
  }),
]);

const about = { name: z.string() };
const reasons = z.array(z.string()).readonly();
const step = z.discriminatedUnion("do", [
  /** Stores the profile and confirms it, or takes it back. */
  z.object({ ...about, do: z.literal("change"), id: z.string(), because: reasons }),
  /** Sets again what the stored profile says. */
  z.object({ ...about, do: z.literal("repair"), because: reasons }),
  /** Takes back what was begun and never confirmed. */
  z.object({ ...about, do: z.literal("rollBack") }),
  z.object({ ...about, do: z.literal("remove") }),
]);
type Step = z.infer<typeof step>;

/**
 * The addresses, routes and name servers of one network interface, kept by NetworkManager or systemd-networkd in a profile
 * of Harmony's own, which goes before all others and leaves them as they are.
 *
 * A change by which the agent does not reach its server any more is taken back, and is then a FAILURE (`RolledBack`);
 * the same content is not tried again until the Score changes. When the Score is retired, what others configured comes
 * back, on the same terms.
 */
export class NetworkInterfaceScore extends Score(
  "NetworkInterface",
  { version: 1, requires: [NetworkConfigurator], spec: InterfaceSpec, observed, step },
  {
    identity: ({ name }) => `interface:${name}`,
    // A profile at a place that the network's own configuration has for it.
    reach: () => [],
    observe: ({ name }, { NetworkConfigurator: network }, { signal }) => network.interface(name, signal),
    plan: (wanted, seen) => planFor(wanted, seen),

    retire({ name, attempt: count }, seen) {
      if (seen.trying !== null) {
        const wasThis = isSame(seen.trying, { id: "none", attempt: count });
        return [{ do: "rollBack", name }, ...(wasThis ? [] : [{ do: "remove", name } as const])];
      }
      // What was tried without success is forgotten too.
      if (seen.profile === null && seen.rolledBack === null) return [];
      if (isSame(seen.rolledBack, { id: "none", attempt: count })) return goesNotAway(name);
      return [{ do: "remove", name }];
    },

    apply: (taken, wanted, { NetworkConfigurator: network }, { signal }) =>
      match(taken)
        .with({ do: "change" }, ({ name, id }) =>
          network.change(name, { profile: profileOf(wanted), id, attempt: wanted.attempt }, confirming(wanted), signal),
        )
        .with({ do: "repair" }, ({ name }) =>
          network.repair(name, profileOf(wanted), { withinMs: wanted.confirmWithinSeconds * 1000 }, signal),
        )
        .with({ do: "rollBack" }, ({ name }) => network.rollBack(name, signal))
        .with({ do: "remove" }, ({ name }) => network.remove(name, wanted.attempt, confirming(wanted), signal))
        .exhaustive(),

    watch: ({ name }, { NetworkConfigurator: network }, changed) => network.watch(name, changed),

    // The longest time to confirm, and as long to take it back.
    deadlineMs: 240_000,
  },
) {}

const confirming = ({ confirmWithinSeconds }: InterfaceSpec): { readonly confirmWithinMs: number } => ({
  confirmWithinMs: confirmWithinSeconds * 1000,
});

function planFor(wanted: InterfaceSpec, seen: InterfaceState): Plan<Step> {
  const { name } = wanted;
  const profile = profileOf(wanted);
  const id = profileId(profile);
  const content = { id, attempt: wanted.attempt };
  if (seen.state === "absent") return isNotThere(name);
  if (seen.state === "unmanaged") return { obstructed: seen.why, blame: "device", next: seen.next };
  if (seen.trying !== null) {
    const rest = isSame(seen.trying, content)
      ? []
      : [{ do: "change", name, id, because: ["another was begun"] } as const];
    return [{ do: "rollBack", name }, ...rest];
  }
  const stored = seen.profile?.id === id && seen.profile.inEffect;
  const because = [...(stored ? [] : [storedSo(seen.profile, id)]), ...differences(profile, seen)];
  if (because.length === 0) return [];
  if (!stored && isSame(seen.rolledBack, content)) return wasRolledBack(name);
  if (seen.up && !seen.carrier) return isUnplugged(name);
  return [stored ? { do: "repair", name, because } : { do: "change", name, id, because }];
}

const isSame = (one: Attempt | null, other: Attempt): boolean => one?.id === other.id && one.attempt === other.attempt;

const storedSo = (stored: InterfaceState["profile"], id: string): string => {
  if (stored === null) return "there is no profile of it yet";
  if (stored.id === null) return "somebody has changed the profile";
  return stored.id === id ? "the profile is not in effect" : "the profile is another one";
};

const isNotThere = (name: string): Obstruction => ({
  obstructed: `there is no network interface ${name}`,
  blame: "device",
  next: `Plug it in, or correct the name ("ip link" on the device lists what is there).`,
});

const isUnplugged = (name: string): Obstruction => ({
  obstructed: `${name} has no carrier: nobody is at the other end of its cable`,
  blame: "device",
  next: "Plug the cable in at both ends; the agent goes on by itself.",
});

const wasRolledBack = (name: string): Obstruction => ({
  obstructed: `these very settings of ${name} were tried before, did not prove themselves, and were taken back`,
  blame: "author",
  next: 'Correct the Score, or raise its "attempt" to have the same settings tried once more.',
  reason: "RolledBack",
});

const goesNotAway = (name: string): Obstruction => ({
  obstructed: `the profile of ${name} was removed before, the agent did not reach its server by what was left, and it came back`,
  blame: "device",
  next: `Give ${name} another working profile on the device, then put the Score back with a higher "attempt" and remove it again.`,
  reason: "RolledBack",
});
