import type {
  Attempt,
  InterfaceProfile,
  InterfaceRoute,
  InterfaceState,
  NetworkConfigurator,
} from "../capabilities/network-configurator.ts";
import { PortError } from "../capabilities/port-error.ts";
import { profileId } from "../scores/interface-profile.ts";

/** What is on an interface in memory. Addresses have prefixes; a lease by DHCP is always `192.0.2.100/24`. */
export interface FakeLive {
  readonly up: boolean;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly string[];
  readonly leased: boolean;
  readonly routes: readonly InterfaceRoute[];
  readonly dns: readonly string[];
}

/** How an interface stands, as others left it; what is not said stays. */
export interface FakeInterface {
  /** Whether it is plugged in. Default true. */
  readonly there?: boolean | undefined;
  /** Whether a back end has it. Default true. */
  readonly managed?: boolean | undefined;
  /** Whether its cable is. Default true. */
  readonly carrier?: boolean | undefined;
  /** The profile that others gave it. Default null: none. */
  readonly theirs?: InterfaceProfile | null | undefined;
  /** Harmony's own profile; `"edited"`: somebody has changed it. Default null. */
  readonly own?: InterfaceProfile | "edited" | null | undefined;
  /** What differs from what the profile in force makes of it. */
  readonly live?: Partial<FakeLive> | undefined;
  /** What an earlier run of the agent left unconfirmed. Default null. */
  readonly trying?: Attempt | null | undefined;
}

/** One thing about an interface, as {@link FakeNetworkConfigurator.tree} tells it. */
export type FakeInterfaceFact = true | "edited" | InterfaceProfile | FakeLive;

interface Interface {
  there: boolean;
  managed: boolean;
  carrier: boolean;
  theirs: InterfaceProfile | null;
  own: InterfaceProfile | "edited" | null;
  live: FakeLive;
  trying: Attempt | null;
  rolledBack: Attempt | null;
}

const BARE: FakeLive = {
  up: true,
  mac: "02:00:5e:00:53:01",
  mtu: 1500,
  addresses: [],
  leased: false,
  routes: [],
  dns: [],
};

/** The network of a host in memory. What is changed is so at once, and the server answers unless `cutsOff` says no. */
export class FakeNetworkConfigurator implements NetworkConfigurator {
  readonly #interfaces = new Map<string, Interface>();
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #cutsOff: (name: string, profile: InterfaceProfile | null) => boolean;

  /** @param options `cutsOff`: whether the server cannot be reached any more by this profile (null: without one). Default: never */
  constructor({
    cutsOff = () => false,
  }: { readonly cutsOff?: (name: string, profile: InterfaceProfile | null) => boolean } = {}) {
    this.#cutsOff = cutsOff;
  }

  /** What somebody else does: the interface is so from now on. */
  put(name: string, { live, ...said }: FakeInterface): void {
    const before = this.#interfaces.get(name);
    const now: Interface = before ?? {
      there: true,
      managed: true,
      carrier: true,
      theirs: null,
      own: null,
      live: BARE,
      trying: null,
      rolledBack: null,
    };
    Object.assign(now, Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined)));
    if (before === undefined) now.live = inForce(now);
    now.live = { ...now.live, ...live };
    this.#interfaces.set(name, now);
    this.#changed(name);
  }

  /** All that is to be told of all interfaces, by `<what>:<name>`. */
  tree(): Record<string, FakeInterfaceFact> {
    const facts: Record<string, FakeInterfaceFact> = {};
    for (const [name, now] of [...this.#interfaces].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (now.theirs !== null) facts[`theirs:${name}`] = now.theirs;
      if (now.own !== null) facts[`own:${name}`] = now.own;
      if (now.there) facts[`live:${name}`] = now.live;
      if (!now.managed) facts[`unmanaged:${name}`] = true;
      if (!now.carrier) facts[`unplugged:${name}`] = true;
    }
    return facts;
  }

  async interface(name: string, signal: AbortSignal): Promise<InterfaceState> {
    await answer(`Looking at ${name}`, signal);
    const now = this.#interfaces.get(name);
    if (now === undefined) return { name, state: "absent", profile: null, trying: null, rolledBack: null };
    const { own, trying, rolledBack, live, carrier } = now;
    const isManaged = now.there && now.managed;
    const profile = own === null ? null : { id: own === "edited" ? null : profileId(own), inEffect: isManaged };
    const told = { name, profile, trying, rolledBack };
    if (!now.there) return { ...told, state: "absent" };
    if (!now.managed) {
      return { ...told, state: "unmanaged", why: `${name} is nobody's here`, next: "Let NetworkManager have it." };
    }
    const leased = live.leased ? [{ address: "192.0.2.100/24", origin: "dhcp" } as const] : [];
    return {
      ...told,
      state: "managed",
      backEnd: "NetworkManager",
      mac: live.mac,
      mtu: live.mtu,
      up: live.up,
      carrier: live.up && carrier,
      addresses: [...live.addresses.map((address) => ({ address, origin: "static" }) as const), ...leased],
      routes: live.routes,
      dns: live.dns,
    };
  }

  watch(name: string, changed: () => void): () => void {
    const watchers = this.#watchers.get(name) ?? new Set();
    this.#watchers.set(name, watchers);
    const own = (): void => changed();
    watchers.add(own);
    return () => void watchers.delete(own);
  }

  async change(
    name: string,
    { profile, id, attempt }: { readonly profile: InterfaceProfile } & Attempt,
    _how: { readonly confirmWithinMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    await answer(`Changing ${name}`, signal);
    const now = this.#managed(name);
    if (this.#cutsOff(name, profile)) throw this.#takenBack(name, now, { id, attempt });
    now.own = profile;
    now.live = liveOf(profile);
    now.rolledBack = null;
    this.#changed(name);
  }

  async repair(
    name: string,
    profile: InterfaceProfile,
    _how: { readonly withinMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    await answer(`Repairing ${name}`, signal);
    this.#managed(name).live = liveOf(profile);
    this.#changed(name);
  }

  async remove(
    name: string,
    attempt: number,
    _how: { readonly confirmWithinMs: number },
    signal: AbortSignal,
  ): Promise<void> {
    await answer(`Removing the profile of ${name}`, signal);
    const now = this.#interfaces.get(name);
    if (now === undefined) return;
    const isInEffect = now.own !== null && now.there && now.managed;
    if (isInEffect && this.#cutsOff(name, null)) throw this.#takenBack(name, now, { id: "none", attempt });
    now.own = null;
    now.rolledBack = null;
    if (isInEffect) now.live = inForce(now);
    this.#changed(name);
  }

  async rollBack(name: string, signal: AbortSignal): Promise<void> {
    await answer(`Taking back the change of ${name}`, signal);
    const now = this.#interfaces.get(name);
    if (now === undefined || now.trying === null) return;
    if (now.own !== null && now.own !== "edited" && profileId(now.own) === now.trying.id) {
      now.own = null;
      now.live = inForce(now);
    }
    now.rolledBack = now.trying;
    now.trying = null;
    this.#changed(name);
  }

  #managed(name: string): Interface {
    const now = this.#interfaces.get(name);
    if (now !== undefined && now.there && now.managed) return now;
    throw new PortError({
      code: "Unavailable",
      blame: "device",
      message: `There is no ${name} to configure.`,
      next: "Plug it in.",
    });
  }

  #takenBack(name: string, now: Interface, content: Attempt): PortError {
    now.rolledBack = content;
    this.#changed(name);
    return new PortError({
      code: "RolledBack",
      blame: "author",
      message: `The change of ${name} was taken back: the server does not answer. The former state is back.`,
      next: "Correct the Score.",
      retryable: false,
    });
  }

  #changed(name: string): void {
    for (const tell of this.#watchers.get(name) ?? []) tell();
  }
}

const liveOf = (profile: InterfaceProfile): FakeLive => {
  const families = [profile.ipv4, profile.ipv6].flatMap((of) => (of.method === "static" ? [of] : []));
  const gateways = families.flatMap(({ gateway }) => (gateway === null ? [] : [gateway]));
  return {
    ...BARE,
    mac: profile.mac ?? BARE.mac,
    mtu: profile.mtu ?? BARE.mtu,
    addresses: families.flatMap(({ addresses }) => addresses),
    leased: profile.ipv4.method === "dhcp",
    routes: [
      ...gateways.map((via) => ({ to: via.includes(":") ? "::/0" : "0.0.0.0/0", via, metric: null })),
      ...profile.routes,
    ],
    dns: profile.dns,
  };
};

/** What the profile that is in force makes of the interface. */
const inForce = ({ own, theirs }: Pick<Interface, "own" | "theirs">): FakeLive => {
  const profile = own === null || own === "edited" ? theirs : own;
  return profile === null ? BARE : liveOf(profile);
};

async function answer(doing: string, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "platform",
    message: `${doing} was called off before there was an answer.`,
    next: "Nothing: it is tried again.",
  });
}
