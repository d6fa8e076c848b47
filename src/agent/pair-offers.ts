import type { Clock, Log } from "../scores/context.ts";
import { failoverName, whoLacks } from "../topology/failover.ts";
import type { Topology } from "../topology/topology.ts";
import type { AgentId } from "../wire/keys.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import type { Labels } from "../wire/labels.ts";
import { CapabilitiesDocument, type MemberOffer, readDocument, writeDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import { VERSION } from "../wire/version.ts";
import type { AgentHost } from "./host.ts";

/** The key is read at least this often, whether or not a hint came. */
const POLL_MS = 60_000;
/** Each attempt that is lost means that the other member's got through. */
const CONFLICTS = 5;

export interface PairOffersParts {
  readonly store: Store;
  readonly pair: AgentId;
  readonly member: AgentId;
  readonly host: AgentHost;
  readonly kinds: readonly { readonly kind: string; readonly version: number }[];
  readonly policy?: (() => DevicePolicies) | undefined;
  readonly labels?: Labels | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** What the pair offers has changed. */
  readonly onChange: () => void;
}

type Members = Readonly<Record<string, MemberOffer>>;

/** What a pair offers: what all its members have. Each of them puts what it found on its own host into the pair's key. */
export class PairOffers {
  readonly #parts: PairOffersParts;
  #members: Members;
  #busy = false;
  #again = false;
  #cancel = (): void => {};
  #unsubscribe = (): void => {};
  #stopped = false;

  constructor(parts: PairOffersParts) {
    this.#parts = parts;
    this.#members = { [parts.member]: this.#own() };
  }

  start(): void {
    const { store, pair, host } = this.#parts;
    host.onChange(() => this.#hostChanged());
    this.#unsubscribe = store.onChange("capabilities", pair, () => this.look());
    this.look();
  }

  /** What this host offers and every other member does too; as a gate wants it. */
  get topology(): Topology {
    const { offers } = this.#parts.host.topology;
    const { name, lacking } = inCommon(this.#members);
    return { name, offers: offers.filter((each) => !Object.hasOwn(lacking, each.name)), absent: lacking };
  }

  look(): void {
    if (this.#stopped) return;
    this.#again = this.#busy;
    if (this.#busy) return;
    this.#busy = true;
    this.#cancel();
    void this.#merge()
      .catch((bug: unknown) => this.#parts.log("a bug of the pair's offers", { bug: String(bug) }))
      .then(() => {
        this.#busy = false;
        if (this.#stopped) return;
        if (this.#again) this.look();
        else this.#cancel = this.#parts.clock.after(POLL_MS, () => this.look());
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#unsubscribe();
  }

  #hostChanged(): void {
    if (this.#stopped) return;
    this.#take({ ...this.#members, [this.#parts.member]: this.#own() });
    this.look();
  }

  async #merge(): Promise<void> {
    const { store, pair, member, log } = this.#parts;
    for (let attempt = 0; attempt < CONFLICTS; attempt += 1) {
      const found = await store.get("capabilities", pair);
      if (found._tag === "Unreachable" || this.#stopped) return;
      const read = found._tag === "Value" ? readDocument(CapabilitiesDocument, found.value) : null;
      const others = read?._tag === "Read" ? (read.document.members ?? {}) : {};
      const members = sorted({ ...others, [member]: this.#own() });
      this.#take(members);
      const bytes = writeDocument(documentOf(pair, members));
      if (found._tag === "Value" && Buffer.compare(found.value, bytes) === 0) return;
      const expect = found._tag === "Absent" ? 0 : found.revision;
      const written = await store.put("capabilities", pair, bytes, { expect });
      if (written._tag === "Conflict") continue;
      if (written._tag !== "Written") log("what the pair offers could not be published", { pair, ...written });
      return;
    }
  }

  #take(members: Members): void {
    const isNews = JSON.stringify(sorted(members)) !== JSON.stringify(sorted(this.#members));
    this.#members = members;
    if (isNews) this.#parts.onChange();
  }

  #own(): MemberOffer {
    const { host, kinds, policy, labels = {} } = this.#parts;
    const { name, absent } = host.topology;
    const known: Record<string, number[]> = {};
    for (const { kind, version } of kinds) (known[kind] ??= []).push(version);
    const capabilities = CapabilitiesDocument.shape.capabilities.parse(host.facts);
    return {
      topology: name,
      capabilities,
      absent,
      kinds: known,
      agentVersion: VERSION,
      ...(Object.keys(labels).length > 0 && { labels }),
      ...(policy && { policy: policy() }),
    };
  }
}

/** By id, so that both members write the same bytes. */
const sorted = (members: Members): Members =>
  Object.fromEntries(Object.entries(members).toSorted(([a], [b]) => (a < b ? -1 : 1)));

interface InCommon {
  readonly name: string;
  /** Capabilities that some member lacks, and why the pair does. */
  readonly lacking: Readonly<Record<string, string>>;
}

function inCommon(members: Members): InCommon {
  const all = Object.entries(members);
  const lacking: Record<string, string> = {};
  for (const name of all.flatMap(([, { capabilities, absent }]) => [
    ...Object.keys(capabilities),
    ...Object.keys(absent),
  ])) {
    const without = all.find(([, { capabilities }]) => !Object.hasOwn(capabilities, name));
    if (without !== undefined) lacking[name] ??= whoLacks(name, { name: without[0], absent: without[1].absent });
  }
  return { name: failoverName(all.map(([, { topology }]) => topology)), lacking };
}

/** Of facts and kinds, too, what all members have. */
function documentOf(pair: AgentId, members: Members): CapabilitiesDocument {
  const { name, lacking } = inCommon(members);
  const all = Object.values(members);
  const [first, ...rest] = all;
  const capabilities = Object.entries(first?.capabilities ?? {})
    .filter(([each]) => !Object.hasOwn(lacking, each))
    .map(([each, facts]) => {
      const isShared = ([fact, value]: readonly [string, unknown]): boolean =>
        rest.every((other) => JSON.stringify(other.capabilities[each]?.[fact]) === JSON.stringify(value));
      return [each, Object.fromEntries(Object.entries(facts).filter(isShared))] as const;
    });
  const kinds = Object.entries(first?.kinds ?? {})
    .map(([kind, versions]) => {
      const shared = versions.filter((version) => rest.every((other) => other.kinds[kind]?.includes(version) === true));
      return [kind, shared] as const;
    })
    .filter(([, versions]) => versions.length > 0);
  return {
    agentId: pair,
    topology: name,
    capabilities: Object.fromEntries(capabilities),
    absent: lacking,
    kinds: Object.fromEntries(kinds),
    // Of several the one that knows least, for whoever asks what can be sent.
    agentVersion: all.map(({ agentVersion }) => agentVersion).toSorted()[0] ?? VERSION,
    ...labelsOf(all),
    ...policyOf(all),
    members,
  };
}

/** What all members are called. */
function labelsOf([first, ...rest]: readonly MemberOffer[]): Pick<CapabilitiesDocument, "labels"> {
  const shared = Object.entries(first?.labels ?? {}).filter(([key, value]) =>
    rest.every(({ labels = {} }) => Object.hasOwn(labels, key) && labels[key] === value),
  );
  return shared.length === 0 ? {} : { labels: Object.fromEntries(shared) };
}

/** What every member's owner allows. */
function policyOf(members: readonly MemberOffer[]): Pick<CapabilitiesDocument, "policy"> {
  const all = members.flatMap(({ policy }) => policy ?? []);
  if (all.length === 0) return {};
  const paths = [...new Set(all.flatMap(({ reserved }) => reserved.paths))];
  const units = [...new Set(all.flatMap(({ reserved }) => reserved.units))];
  // Most pairs have the same file twice.
  const policies = [
    ...new Map(all.flatMap((each) => each.policies).map((each) => [JSON.stringify(each), each])).values(),
  ];
  return {
    policy: {
      reserved: { paths, units },
      policies,
      unreadable: all.find(({ unreadable }) => unreadable !== null)?.unreadable ?? null,
    },
  };
}
