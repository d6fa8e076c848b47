import type { Clock, Log } from "../scores/context.ts";
import type { AgentId } from "../wire/keys.ts";
import { AgentStatus, Heartbeat, readDocument, writeDocument } from "../wire/status.ts";
import type { Found, Store } from "../wire/store.ts";
import { VERSION } from "../wire/version.ts";
import type { Disk } from "./disk.ts";
import { readNote, writeNote } from "./lease-note.ts";
import { HEARTBEAT_MS } from "./presence.ts";

/** How often the active member writes the lease, and the other one reads it where no hint came. */
export const RENEW_MS = HEARTBEAT_MS / 5;
/** How long one renewal is good for, counted from before it was sent. */
export const VALID_MS = HEARTBEAT_MS;
/** For how long the key must not have changed before the other member takes over, counted from when it saw that first. */
export const TAKEOVER_MS = 2 * HEARTBEAT_MS;
const ANSWER_MS = RENEW_MS;

export interface LeaseParts {
  readonly store: Store;
  readonly pair: AgentId;
  readonly member: AgentId;
  readonly bootId: string;
  /** Its monotonic time must not stand still while the machine sleeps. */
  readonly clock: Clock;
  readonly disk: Disk;
  readonly log: Log;
  readonly observedGeneration: () => number;
  /** Whether this member could begin now: nothing that it did under an earlier token is under way any more. */
  readonly mayTake: () => boolean;
  readonly onHeld: (token: number) => void;
  /** Called before anything else of this process runs: from now on nothing may be done any more. */
  readonly onLost: () => void;
  /** Another member is active now, or nobody. */
  readonly onNews: () => void;
}

interface Held {
  readonly token: number;
  /** On the clock's monotonic time. */
  validUntil: number;
  revision: number;
  sequence: number;
}

interface Seen {
  /** The revision and all bytes: a store that was made anew counts from one again. */
  readonly mark: string;
  readonly revision: number;
  readonly beat: Heartbeat | null;
  readonly atMs: number;
}

/**
 * The right of one member of a pair to act: the pair's heartbeat, taken and renewed by compare-and-set. Whoever holds it
 * counts from before it asked, whoever waits for it from when it saw, so that the one has ended when the other begins.
 */
export class Lease {
  readonly #parts: LeaseParts;
  readonly #startedAt: number;
  #held: Held | null = null;
  #seen: Seen | null = null;
  /** The start of this member that held it last; it is dead, as only one process works with the disk. */
  #formerBootId: string | null = null;
  #highest = 0;
  #cancel = (): void => {};
  #cancelExpiry = (): void => {};
  #unsubscribe = (): void => {};
  #looking: Promise<void> | null = null;
  #again = false;
  /** Whether it knows what its earlier starts have left. Before that it could take it with a token that it has had. */
  #knowsNote = false;
  #stopped = false;

  constructor(parts: LeaseParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.monotonicMs();
  }

  async start(): Promise<void> {
    const { store, pair, disk, log } = this.#parts;
    const note = await readNote(disk, log);
    this.#formerBootId = note.bootId;
    this.#highest = note.token;
    this.#knowsNote = true;
    if (this.#stopped) return;
    this.#unsubscribe = store.onChange("heartbeat", pair, () => this.#held === null && this.look());
    this.look();
  }

  /** Of what is held, or was last. */
  get token(): number {
    return this.#held?.token ?? 0;
  }

  /** The member that the key names, with its token; null where it names none. */
  get active(): { readonly member: AgentId; readonly token: number } | null {
    const beat = this.#seen?.beat;
    return beat?.lease === undefined || beat.lease.released ? null : { member: beat.lease.member, token: beat.epoch };
  }

  /** Whether it is held at this moment, for who only looks. */
  get isValid(): boolean {
    return this.#held !== null && this.#parts.clock.monotonicMs() < this.#held.validUntil;
  }

  /** Whether it is held at this moment. Where it was and is not any more, that is acted upon before this returns. */
  isHeld(): boolean {
    if (this.#held === null) return false;
    if (this.isValid) return true;
    this.#lose("it could not be renewed in time");
    return false;
  }

  /** Looks now, or once more after what is under way. */
  look(): void {
    if (this.#stopped || !this.#knowsNote) return;
    this.#again = this.#looking !== null;
    if (this.#again) return;
    this.#cancel();
    this.#looking = (this.#held === null ? this.#seek() : this.#renew(this.#held))
      .catch((bug: unknown) => this.#parts.log("a bug of the lease", { bug: String(bug) }))
      .then(() => {
        this.#looking = null;
        if (this.#stopped) return;
        if (this.#again) this.look();
        else this.#cancel = this.#parts.clock.after(this.#pauseMs(), () => this.look());
      });
  }

  /** Lets go of it for good: nothing of what was done under it is left on this device, so the other member need not wait. */
  async release(): Promise<void> {
    const { store, pair, log } = this.#parts;
    this.#stopped = true;
    this.#cancel();
    await this.#looking;
    const held = this.#held;
    this.stop();
    if (held === null) return;
    const beat = this.#beat(held.token, held.sequence + 1, true);
    const options = { expect: held.revision, timeoutMs: ANSWER_MS };
    const { _tag } = await store.put("heartbeat", pair, writeDocument(beat), options);
    log(_tag === "Written" ? "released the lease of the pair" : "the lease of the pair runs out by itself", { pair });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#cancelExpiry();
    this.#unsubscribe();
    this.#held = null;
  }

  /** Until the next look: soon where nobody has renewed it for long. */
  #pauseMs(): number {
    if (this.#held !== null || this.#seen === null) return RENEW_MS;
    const rest = this.#seen.atMs + TAKEOVER_MS - this.#parts.clock.monotonicMs();
    return rest > 0 ? Math.min(RENEW_MS, rest) : RENEW_MS;
  }

  async #seek(): Promise<void> {
    const { store, pair, clock, mayTake } = this.#parts;
    const found = await store.get("heartbeat", pair, { timeoutMs: ANSWER_MS });
    if (found._tag === "Unreachable" || this.#stopped) return;
    const seen = this.#sees(found);
    if (found._tag !== "Value") {
      await this.#layDown(seen);
      return;
    }
    if (mayTake() && (clock.monotonicMs() - seen.atMs >= TAKEOVER_MS || this.#mayFollow(seen.beat))) {
      await this.#take(seen);
    }
  }

  /**
   * A key that holds nothing looks the same before and after somebody has held it. So a lease of nobody is put there, and what
   * is waited for is that nobody touches that.
   */
  async #layDown(seen: Seen): Promise<void> {
    const { store, pair } = this.#parts;
    const { lease: _, ...nobody } = this.#beat(this.#highest, 0, false);
    const options = { expect: seen.revision, timeoutMs: ANSWER_MS };
    const written = await store.put("heartbeat", pair, writeDocument(nobody), options);
    this.#again ||= written._tag === "Written";
  }

  /** Whether nobody has to be waited for: the one who held it has said so, or was an earlier start, or this one itself. */
  #mayFollow(beat: Heartbeat | null): boolean {
    if (beat?.lease === undefined) return false;
    const isOwn = this.#isOwn(beat);
    return beat.lease.released ? !isOwn : isOwn;
  }

  #isOwn({ bootId, lease }: Heartbeat): boolean {
    const { member } = this.#parts;
    return lease?.member === member && (bootId === this.#parts.bootId || bootId === this.#formerBootId);
  }

  /** Takes note of what the key holds. What has changed counts from now. */
  #sees(found: Found): Seen {
    const mark =
      found._tag === "Value" ? `${found.revision} ${Buffer.from(found.value).toString("base64")}` : found._tag;
    if (this.#seen?.mark === mark) return this.#seen;
    const read = found._tag === "Value" ? readDocument(Heartbeat, found.value) : null;
    const before = this.active;
    this.#seen = {
      mark,
      revision: found._tag === "Absent" ? 0 : found.revision,
      beat: read?._tag === "Read" ? read.document : null,
      atMs: this.#parts.clock.monotonicMs(),
    };
    this.#highest = Math.max(this.#highest, this.#seen.beat?.epoch ?? 0);
    if (this.active?.token !== before?.token) this.#parts.onNews();
    return this.#seen;
  }

  async #take(seen: Seen): Promise<void> {
    const { store, pair, bootId, disk, clock, log, onHeld } = this.#parts;
    const status = await store.get("actual-state", pair, { timeoutMs: ANSWER_MS });
    if (status._tag === "Unreachable") return;
    const told = status._tag === "Value" ? readDocument(AgentStatus, status.value) : null;
    const token = 1 + Math.max(this.#highest, told?._tag === "Read" ? told.document.epoch : 0);
    // Before it is taken: the next start must know whose lease it finds.
    if (!(await writeNote(disk, { bootId, token }, log)) || this.#stopped) return;
    this.#highest = token;
    const beat = this.#beat(token, 1, false);
    const bytes = writeDocument(beat);
    const sentAt = clock.monotonicMs();
    const written = await store.put("heartbeat", pair, bytes, { expect: seen.revision, timeoutMs: ANSWER_MS });
    // Where the answer was lost, the next look finds it in this member's own name.
    if (written._tag !== "Written" || this.#stopped || clock.monotonicMs() >= sentAt + VALID_MS) return;
    this.#held = { token, validUntil: 0, revision: written.revision, sequence: 1 };
    this.#extend(this.#held, sentAt);
    this.#wrote(bytes, beat, written.revision);
    log("active: took the lease of the pair", { pair, token });
    onHeld(token);
  }

  async #renew(held: Held): Promise<void> {
    const { store, pair, clock } = this.#parts;
    held.sequence += 1;
    const beat = this.#beat(held.token, held.sequence, false);
    const bytes = writeDocument(beat);
    const sentAt = clock.monotonicMs();
    const options = { expect: held.revision, timeoutMs: ANSWER_MS };
    const written = await store.put("heartbeat", pair, bytes, options);
    if (this.#held !== held || !this.isHeld()) return;
    if (written._tag === "Written") {
      held.revision = written.revision;
      this.#wrote(bytes, beat, written.revision);
      this.#extend(held, sentAt);
      return;
    }
    const found = await store.get("heartbeat", pair, { timeoutMs: ANSWER_MS });
    if (found._tag === "Unreachable" || this.#held !== held || !this.isHeld()) return;
    const { beat: there, revision } = this.#sees(found);
    const isNobodys = there?.lease === undefined;
    if (there !== null && !isNobodys && !(this.#isOwn(there) && there.epoch === held.token)) {
      this.#lose("another member has taken it");
      return;
    }
    held.revision = revision;
    // The answer alone was lost.
    if (!isNobodys && there.sequence === held.sequence) this.#extend(held, sentAt);
    else this.#again = true;
  }

  #extend(held: Held, sentAt: number): void {
    const { clock } = this.#parts;
    held.validUntil = sentAt + VALID_MS;
    this.#cancelExpiry();
    this.#cancelExpiry = clock.after(held.validUntil - clock.monotonicMs(), () => void this.isHeld());
  }

  #lose(why: string): void {
    const { pair, log, onLost } = this.#parts;
    const token = this.#held?.token;
    this.#held = null;
    this.#cancelExpiry();
    onLost();
    log("passive: the lease of the pair is lost", { pair, token, why });
  }

  #wrote(bytes: Uint8Array, beat: Heartbeat, revision: number): void {
    const mark = `${revision} ${Buffer.from(bytes).toString("base64")}`;
    this.#seen = { mark, revision, beat, atMs: this.#parts.clock.monotonicMs() };
  }

  #beat(epoch: number, sequence: number, released: boolean): Heartbeat {
    const { pair, member, bootId, clock, observedGeneration } = this.#parts;
    return {
      agentId: pair,
      bootId,
      epoch,
      sequence,
      uptimeMs: Math.round(clock.monotonicMs() - this.#startedAt),
      agentVersion: VERSION,
      observedGeneration: observedGeneration(),
      at: clock.now().toISOString(),
      lease: { member, released },
    };
  }
}
