import { match } from "ts-pattern";
import * as z from "zod";
import {
  type Attempt,
  type InterfaceProfile,
  type InterfaceState,
  NetworkConfigurator,
} from "../capabilities/network-configurator.ts";
import { differences, profileId } from "./interface-profile.ts";
import {
  canonical,
  canonicalMac,
  Cidr,
  IpAddress,
  Ipv4Address,
  Ipv4Interface,
  Ipv6Address,
  Ipv6Interface,
  isIpv6Text,
  isLinkLocal,
  isOnLink,
  MacAddress,
} from "./ip-addresses.ts";
import type { Obstruction, Plan } from "./outcome.ts";
import { Score } from "./score.ts";
import type { Frozen } from "./spec.ts";

const spec = z
  .strictObject({
    /** The interface's name: `"eth0"`. */
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/, 'an interface has a name of 1 to 15 characters, such as "eth0"')
      .refine((name) => name !== "lo", "the loopback interface is the system's own"),
    /** How it comes to its IPv4 addresses. */
    ipv4: z.discriminatedUnion("method", [
      z.strictObject({
        method: z.literal("static"),
        addresses: z.array(Ipv4Interface).min(1).max(16),
        /** Default: none, so that it leads to its own networks alone. */
        gateway: Ipv4Address.optional(),
      }),
      z.strictObject({ method: z.literal("dhcp") }),
      z.strictObject({ method: z.literal("off") }),
    ]),
    /** Default: what routers on the link announce (`auto`). */
    ipv6: z
      .discriminatedUnion("method", [
        z.strictObject({
          method: z.literal("static"),
          addresses: z.array(Ipv6Interface).min(1).max(16),
          /** Default: none. */
          gateway: Ipv6Address.optional(),
        }),
        z.strictObject({ method: z.literal("auto") }),
        z.strictObject({ method: z.literal("link-local") }),
        z.strictObject({ method: z.literal("off") }),
      ])
      .default({ method: "auto" }),
    /** Further routes. Default none. */
    routes: z
      .array(
        z.strictObject({
          to: Cidr,
          /** Default: what is on the link itself. */
          via: IpAddress.optional(),
          /** The smaller goes first. Default: as the host chooses. */
          metric: z.number().int().min(1).max(2_147_483_647).optional(),
        }),
      )
      .max(64)
      .default([]),
    /** Name servers for what goes by this interface. Default: those that the network announces. */
    dns: z.array(IpAddress).max(8).default([]),
    /** Default: the device's own. */
    mac: MacAddress.optional(),
    /** Bytes of the largest packet. Default: the device's own. */
    mtu: z.number().int().min(576).max(65_535).optional(),
    /** Seconds within which the agent must reach its server after a change, or the change is taken back. Default 30. */
    confirmWithinSeconds: z.number().int().min(5).max(120).default(30),
    /** Raise it to have the same settings tried once more after they were taken back. Default 1. */
    attempt: z.number().int().min(1).max(1_000_000).default(1),
  })
  .superRefine(({ ipv4, ipv6, routes, dns, mtu }, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    for (const [family, of] of [
      ["ipv4", ipv4],
      ["ipv6", ipv6],
    ] as const) {
      if (of.method !== "static") continue;
      const { addresses, gateway } = of;
      if (new Set(addresses.map(canonical)).size < addresses.length)
        refuse([family, "addresses"], "an address is there twice");
      if (gateway === undefined || (isIpv6Text(gateway) && isLinkLocal(gateway))) continue;
      if (!addresses.some((address) => isOnLink(gateway, address))) {
        refuse([family, "gateway"], "the gateway is in none of the interface's own networks");
      }
    }
    for (const [at, { to, via }] of routes.entries()) {
      if (via !== undefined && isIpv6Text(to) !== isIpv6Text(via)) {
        refuse(["routes", at, "via"], "a route goes by a router of its own family");
      }
      const family = isIpv6Text(to) ? ipv6 : ipv4;
      if (family.method === "off") refuse(["routes", at, "to"], "this family of addresses is off");
    }
    for (const [at, server] of dns.entries()) {
      const { method } = isIpv6Text(server) ? ipv6 : ipv4;
      if (method === "off" || method === "link-local") {
        refuse(
          ["dns", at],
          "no name server of this family can be reached: the interface has no address of it to speak of",
        );
      }
    }
    if (mtu !== undefined && mtu < 1280 && ipv6.method !== "off") {
      refuse(["mtu"], 'IPv6 needs an MTU of 1280: raise it, or set ipv6 to { method: "off" }');
    }
    if (ipv4.method === "off" && ipv6.method === "off")
      refuse(["ipv4"], "an interface without any addresses is of no use");
  });

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
const because = z.array(z.string()).readonly();
const step = z.discriminatedUnion("do", [
  /** Stores the profile and confirms it, or takes it back. */
  z.object({ ...about, do: z.literal("change"), id: z.string(), because }),
  /** Sets again what the stored profile says. */
  z.object({ ...about, do: z.literal("repair"), because }),
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
  { version: 1, requires: [NetworkConfigurator], spec, observed, step },
  {
    identity: ({ name }) => `interface:${name}`,
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

type Spec = Frozen<z.infer<typeof spec>>;

const confirming = ({ confirmWithinSeconds }: Spec): { readonly confirmWithinMs: number } => ({
  confirmWithinMs: confirmWithinSeconds * 1000,
});

/** Made once for each spec, which never changes: each look compares by it. */
const profiles = new WeakMap<Spec, InterfaceProfile>();

function profileOf(wanted: Spec): InterfaceProfile {
  const known = profiles.get(wanted);
  if (known !== undefined) return known;
  const { ipv4, ipv6, routes, dns, mac, mtu } = wanted;
  const profile: InterfaceProfile = {
    ipv4: ipv4.method === "static" ? spelt(ipv4) : ipv4,
    ipv6: ipv6.method === "static" ? spelt(ipv6) : ipv6,
    routes: routes.map(({ to, via, metric }) => ({
      to: canonical(to),
      via: via === undefined ? null : canonical(via),
      metric: metric ?? null,
    })),
    dns: dns.map(canonical),
    mac: mac === undefined ? null : canonicalMac(mac),
    mtu: mtu ?? null,
  };
  profiles.set(wanted, profile);
  return profile;
}

const spelt = ({
  addresses,
  gateway,
}: {
  readonly addresses: readonly string[];
  readonly gateway?: string | undefined;
}) => ({
  method: "static" as const,
  addresses: addresses.map(canonical),
  gateway: gateway === undefined ? null : canonical(gateway),
});

function planFor(wanted: Spec, seen: InterfaceState): Plan<Step> {
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
