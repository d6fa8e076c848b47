import type { Device } from "./device.ts";
import type { InForce } from "./in-force.ts";
import { wasThere } from "./stands.ts";
import { identityOf, isRefused, policies, textOf, type Wanted, type Wish } from "./wanted.ts";

/** A write that a process asks its device for. */
export interface Step {
  readonly method: string;
  /** A path, a unit, a package, a part of the packet filter. */
  readonly target: string;
  /** What it is about. */
  readonly identity: string;
  /** What it would write. */
  readonly text: string | null;
}

/** How a thing was when it was last looked at. */
interface Look {
  readonly exists: boolean;
  readonly isOwned: boolean;
  readonly isMaking: boolean;
  /** It is known to have been as declared, with the content of now. */
  readonly isReached: boolean;
}

/** So often within so long one may undo what others do to one thing, before that is called fighting. */
const FIGHTS = 20;
const WITHIN_MS = 60_000;

/** Holds each step to how its Score is to be dealt with. */
export class PolicyGuard {
  readonly #device: Device;
  readonly #inForce: InForce;
  readonly #now: () => number;
  readonly #break: (invariant: string, what: string) => void;
  readonly #looks = new Map<string, Look>();
  /** By identity, the content that the device has refused for good. */
  readonly #refused = new Map<string, Wanted>();
  /** By identity and text, when it was written. */
  readonly #writes = new Map<string, number[]>();

  constructor(device: Device, inForce: InForce, now: () => number, broken: (invariant: string, what: string) => void) {
    this.#device = device;
    this.#inForce = inForce;
    this.#now = now;
    this.#break = broken;
  }

  looks(identity: string): void {
    const held = this.#inForce.ledger?.owned.get(identity);
    const exists = this.#device.exists(identity);
    const now = this.#inForce.at(identity);
    this.#looks.set(identity, {
      exists,
      isOwned: held !== undefined,
      isMaking: held?.making === true,
      // What was only found to be as declared is not known after it is gone. What the work itself wrote is not yet.
      isReached: held?.reached !== undefined && now !== undefined && wasThere(now, this.#device),
    });
  }

  /** A start of the agent finds in its ledger what was refused before. */
  remembers(wish: Wish): void {
    for (const wanted of wish.scores.values()) {
      if (this.#inForce.ledger?.statuses.get(wanted.id)?.knownBad === true) this.#refuses(wanted);
    }
  }

  /** What is wanted with another content, or was not wanted for a while, may be tried again. */
  accepts(wish: Wish): void {
    for (const [identity, { id, sort }] of this.#refused) {
      const now = wish.scores.get(id);
      const before = this.#refused.get(identity);
      const isSame =
        now?.sort === sort && before !== undefined && identityOf(now) === identity && textOf(now) === textOf(before);
      if (!isSame) this.#refused.delete(identity);
    }
  }

  #refuses(wanted: Wanted): void {
    const identity = identityOf(wanted);
    if (identity !== null) this.#refused.set(identity, wanted);
  }

  /** The process has been told that its write is refused for good. */
  refuses(wanted: Wanted | null, { identity, text }: Step): void {
    const now = this.#inForce.at(identity);
    // Under another id it is another Score.
    if (now?.id === wanted?.id && now !== undefined && isRefused(text) && textOf(now) === text) this.#refuses(now);
  }

  /** A step that does not remove anything, for what is wanted. */
  judges(wanted: Wanted, { method, identity, text }: Step): void {
    const { drift, ownership } = policies(wanted);
    const what = `${method} ${identity}, for ${wanted.id}`;
    const look = this.#looks.get(identity);
    const ledger = this.#inForce.ledger;
    const isNotified = [...(ledger?.notices ?? [])].some(({ to }) => to === wanted.id);
    const state = ledger?.statuses.get(wanted.id)?.state;
    if (ownership === "observe") this.#break("what is only observed is not written", what);
    if (ownership === "own" && look?.exists === true && !look.isOwned) {
      this.#break("what is somebody else's is not taken over", what);
    }
    if (ownership === "createOnly" && look?.exists === true && !look.isMaking) {
      this.#break("what is made once is not changed", what);
    }
    const isDrift = (state === "Ready" || state === "Drifted") && look?.isReached === true;
    if (drift !== "repair" && isDrift && !isNotified) {
      this.#break("drift that is to be told is not repaired", what);
    }
    if (this.#refused.has(identity)) this.#break("what was refused for good is not tried again", what);
    if (text !== null && this.#device.contested.has(identity)) this.#fights(`${identity} ${text}`);
  }

  /** What is owned is about to be removed. */
  removes(identity: string, what: string): void {
    const governed = this.#device.governed.get(identity);
    if (governed?.removal === "orphan" || governed?.ownership === "observe") {
      this.#break("what is to be left is not removed", what);
    }
  }

  #fights(what: string): void {
    const now = this.#now();
    const writes = [...(this.#writes.get(what) ?? []), now].filter((at) => now - at <= WITHIN_MS);
    this.#writes.set(what, writes);
    if (writes.length > FIGHTS) {
      this.#break("what is contested is repaired ever more slowly", `${what}, ${writes.length} times`);
    }
  }
}
