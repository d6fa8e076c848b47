import type { Host } from "../src/agent/host.ts";
import type { Ledger } from "../src/agent/ledger.ts";
import { isLeft } from "../src/agent/permits.ts";
import type { Device } from "./device.ts";
import { identityOf, policies, type Wanted, type Wish } from "./wanted.ts";

/** The manifest that one process has in force, as the author meant it, and what it owns. */
export class InForce {
  readonly #device: Device;
  /** By payload. */
  readonly #wishes: ReadonlyMap<string, Wish>;
  #ledger: Ledger | null = null;
  #host: Host | null = null;
  #payload: string | null = null;
  /** How many were accepted. */
  accepted = 0;
  /** Identities that it owned when the last one was accepted. */
  ownedThen: ReadonlySet<string> = new Set();
  /** Called when another one is. */
  onAccepted: (wish: Wish) => void = () => {};
  /** The capabilities that were away at some time: by them it could not look. */
  readonly lacked = new Set<string>();

  constructor(device: Device, wishes: ReadonlyMap<string, Wish>) {
    this.#device = device;
    this.#wishes = wishes;
  }

  opened(ledger: Ledger, host: Host): void {
    this.#ledger = ledger;
    this.#host = host;
  }

  get ledger(): Ledger | null {
    return this.#ledger;
  }

  get generation(): number {
    return this.#ledger?.accepted?.generation ?? 0;
  }

  /** Null before there is one. */
  get wish(): Wish | null {
    const payload = this.#ledger?.accepted?.payload ?? null;
    const wish = payload === null ? null : (this.#wishes.get(payload) ?? null);
    if (payload !== this.#payload) {
      this.#payload = payload;
      this.accepted += 1;
      this.ownedThen = new Set(this.#ledger?.owned.keys());
      if (wish !== null) this.#follow(wish);
    }
    return wish;
  }

  at(identity: string): Wanted | undefined {
    return [...(this.wish?.scores.values() ?? [])].find((each) => identityOf(each) === identity);
  }

  looksForCapabilities(): void {
    for (const name of Object.keys(this.#host?.topology.absent ?? {})) this.lacked.add(name);
  }

  #follow(wish: Wish): void {
    const { governed, restarts } = this.#device;
    const wanted = new Set<string>();
    for (const each of wish.scores.values()) {
      const identity = identityOf(each);
      if (identity === null) continue;
      wanted.add(identity);
      governed.set(identity, policies(each));
    }
    for (const [identity, policy] of governed) {
      if (!wanted.has(identity) && isLeft(policy)) this.#device.leave(identity);
    }
    restarts.follow(wish);
    this.onAccepted(wish);
  }
}
