import type { Owned } from "../src/agent/journal.ts";
import type { Device } from "./device.ts";
import type { InForce } from "./in-force.ts";
import { PolicyGuard, type Step } from "./policy-guard.ts";
import { isWritten } from "./stands.ts";
import { identityOf, KIND_OF, type Wanted, type Wish } from "./wanted.ts";

/** The deadlines of the kinds: a call that has not ended by then is forgotten. */
const DEADLINES: Readonly<Record<string, number>> = { unit: 120_000, package: 900_000 };
const deadlineMs = (identity: string): number => DEADLINES[identity.slice(0, identity.indexOf(":"))] ?? 30_000;

/** So many manifests may be accepted while one Score is worked on. */
const STILL_UNDER_WAY = 20;

/** A call that has begun and not ended. */
export interface Call {
  readonly step: Step | null;
  /** For which Score. */
  readonly wanted: Wanted | null;
  readonly beganAt: number;
  readonly deadlineMs: number;
}

type Break = (invariant: string, what: string) => void;

/** Sees each call that a process makes to its device, and judges those that would change something. */
export class StepGuard {
  readonly #device: Device;
  readonly #inForce: InForce;
  readonly #now: () => number;
  readonly #break: Break;
  readonly #policies: PolicyGuard;
  /** Identities that were looked at since the manifest was accepted. */
  readonly #looked = new Set<string>();
  /** By identity, how many manifests had been accepted when it was looked at and its dependencies were up. */
  readonly #ready = new Map<string, number>();
  readonly #calls = new Set<Call>();

  constructor(device: Device, inForce: InForce, now: () => number, broken: Break) {
    this.#device = device;
    this.#inForce = inForce;
    this.#now = now;
    this.#break = broken;
    this.#policies = new PolicyGuard(device, inForce, now, broken);
    inForce.onAccepted = (wish) => {
      this.#looked.clear();
      if (inForce.accepted === 1) this.#policies.remembers(wish);
      this.#policies.accepts(wish);
    };
  }

  /** `isWhole`: it is the look by which a kind decides whether the thing is there. */
  looks(identity: string, isWhole: boolean): void {
    const { ledger } = this.#inForce;
    if (this.#inForce.wish === null) return;
    this.#looked.add(identity);
    if (isWhole) this.#policies.looks(identity);
    const isUp = (on: string): boolean => ["Ready", "Drifted"].includes(ledger?.statuses.get(on)?.state ?? "");
    if (this.#inForce.at(identity)?.after.every(isUp) === true) this.#ready.set(identity, this.#inForce.accepted);
  }

  begins(identity: string, step: Step | null): Call {
    if (step !== null) this.#judges(step);
    const wanted = this.#inForce.at(identity) ?? null;
    const call = { step, wanted, beganAt: this.#now(), deadlineMs: deadlineMs(identity) };
    this.#calls.add(call);
    return call;
  }

  /** `isRefused`: by the device, and for good. */
  ends(call: Call, isRefused: boolean): void {
    this.#calls.delete(call);
    // Given up by then.
    const isHeard = this.#now() - call.beganAt < call.deadlineMs / 2;
    if (isRefused && isHeard && call.step !== null) this.#policies.refuses(call.wanted, call.step);
  }

  /** Whether its reconciler waits for the device. */
  get isWaiting(): boolean {
    const now = this.#now();
    for (const call of this.#calls) {
      if (now - call.beganAt <= call.deadlineMs) return true;
      this.#calls.delete(call);
    }
    return false;
  }

  /** The steps that have begun, and neither ended nor been given up. */
  get #underWay(): readonly Step[] {
    const now = this.#now();
    // The deadline is the whole interpretation's, which began before the call.
    return [...this.#calls].flatMap((call) =>
      call.step !== null && now - call.beganAt < call.deadlineMs / 2 ? [call.step] : [],
    );
  }

  /** Whether a step that removes a part of it is under way. */
  #isGoing({ identity, claims }: Owned): boolean {
    return this.#underWay.some(
      (step) => REMOVALS.has(step.method) && (step.identity === identity || claims.includes(step.target)),
    );
  }

  #judges(step: Step): void {
    const { method, target } = step;
    const what = `${method} ${target}`;
    const { wish } = this.#inForce;
    if (wish === null) return this.#break("each step is for the manifest in force", `${what}, and nothing is in force`);
    this.#holdsTo(wish, step);
    const overlaps = method !== "makeDirectory" && this.#underWay.some((each) => each.target === target);
    if (overlaps) this.#break("steps of one Score never overlap", what);
  }

  #holdsTo(wish: Wish, step: Step): void {
    const { method, target, text } = step;
    const what = `${method} ${target}`;
    const wanted = this.#inForce.at(step.identity);
    if (REMOVALS.has(method)) return this.#removes(wish, wanted, step);
    const within = [...wish.scores.values()].find((each) => each.sort === "file" && each.path.startsWith(`${target}/`));
    const for_ = wanted ?? within;
    // Reading all unit files again, and forgetting that a unit failed, are part of removing as well.
    if (method === "reload" || method === "resetFailed") return;
    const out = (why: string): void => this.#break("each step is for the manifest in force", `${what}: ${why}`);
    if (for_ === undefined) return out(`generation ${wish.generation} wants nothing there`);
    if (text !== null && !isWritten(for_, text)) out(`it writes "${text}"`);
    const identity = identityOf(for_) ?? "";
    const claims = this.#device.files.owned.get(identity);
    if (claims === undefined || (method === "makeDirectory" && !claims.has(target))) {
      this.#break("what is about to be made is known on disk", what);
    }
    this.#policies.judges(for_, { ...step, identity });
    // Work on a Score that did not change goes on when a newer manifest orders otherwise.
    const ready = this.#ready.get(identity) ?? -Infinity;
    if (this.#inForce.accepted - ready > STILL_UNDER_WAY) {
      this.#break("what comes after others waits for them", `${what}, for ${for_.id}`);
    }
  }

  #removes(wish: Wish, wanted: Wanted | undefined, { method, target, identity }: Step): void {
    const what = `${method} ${target}`;
    const owned = [...(this.#inForce.ledger?.owned.values() ?? [])];
    const at = owned.findIndex((each) => each.identity === identity || each.claims.includes(target));
    const of = owned[at];
    if (of === undefined) return this.#break("nothing foreign is touched", `${what}, which it does not own`);
    if (wanted !== undefined && KIND_OF[wanted.sort] === of.wire.kind) {
      return this.#break(
        "each step is for the manifest in force",
        `${what}, which generation ${wish.generation} wants`,
      );
    }
    // What makes room for another kind goes when that comes to its turn.
    if (wanted !== undefined) return;
    this.#policies.removes(of.identity, what);
    const wantedNow = new Set([...wish.scores.values()].map(identityOf));
    for (const later of owned.slice(at + 1)) {
      const isDropped =
        this.#inForce.ownedThen.has(later.identity) &&
        !wantedNow.has(later.identity) &&
        wish.scores.get(later.id)?.sort !== "unknown";
      const isBlind = later.wire.requires.some((name) => this.#inForce.lacked.has(name));
      if (isDropped && this.#isGoing(later)) {
        this.#break("what was made last is removed first", `${what}, while ${later.identity} is being removed`);
      }
      if (!isDropped || isBlind || this.#looked.has(later.identity)) continue;
      this.#break("what was made last is removed first", `${what}, and ${later.identity} was made later`);
    }
  }
}

const REMOVALS = new Set(["removeFile", "removeDirectory", "removeUnitFile", "stop", "disable", "remove"]);
