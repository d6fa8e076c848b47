import { PortError, type PortProblem } from "../capabilities/port-error.ts";
import type { Log } from "../scores/context.ts";
import type { WireScore } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import type { ScoreStatus } from "../wire/status.ts";
import type { Disk } from "./disk.ts";
import { GenerationMark } from "./generation-mark.ts";
import {
  asLines,
  type Line,
  type Marks,
  type Notice,
  noticeKey,
  ownedIn,
  type Owned,
  pile,
  readLines,
  type Tried,
  type Unsaved,
} from "./journal.ts";
import { type Accepted, savedBytes, savedIn } from "./saved-manifest.ts";

const MANIFEST = "manifest.json";
const LAST_GOOD = "last-good.json";
const JOURNAL = "journal.jsonl";

/** The journal is written anew when it has grown beyond this, and beyond four times what is still true of it. */
const JOURNAL_MIN_BYTES = 256 * 1024;

/**
 * What the agent must still know after a crash, or with no network: the newest manifest, the last one that was wholly Ready,
 * what the agent owns, and where each Score stood. Snapshots of the manifests and a journal of lines, so that one more owned thing costs one appended line
 * and not a rewrite of everything. What cannot be read is left out and logged: the key and the device say the rest.
 */
export class Ledger {
  readonly #disk: Disk;
  readonly #log: Log;
  #accepted: Accepted | null = null;
  #acceptedIsSaved = true;
  #lastGood: Accepted | null = null;
  #lastGoodIsSaved = true;
  #trial: Tried | null = null;
  readonly #owned = new Map<string, Owned>();
  readonly #statuses = new Map<string, ScoreStatus>();
  readonly #notices = new Map<string, Notice>();
  #unsaved: Unsaved = new Map();
  /** What is on its way to the disk. */
  #saving: Unsaved = new Map();
  /**
   * Identities whose unsaved lines are written before the manifest, and not after it as the rest: a manifest that drops
   * something must never be found without the policy by which that is to be dropped. All lines of one of them go together:
   * that it went must not be written after that it is owned again.
   */
  readonly #ruled = new Set<string>();
  #journalBytes = 0;
  #journalLimit = JOURNAL_MIN_BYTES;
  #flushing: Promise<void> = Promise.resolve();
  #trouble: PortProblem | null = null;
  /** Called when {@link trouble} becomes another. */
  onTrouble: () => void = () => {};

  readonly #mark: GenerationMark;

  private constructor(disk: Disk, mark: GenerationMark, log: Log) {
    this.#disk = disk;
    this.#mark = mark;
    this.#log = log;
  }

  static async open(disk: Disk, log: Log): Promise<Ledger> {
    const ledger = new Ledger(disk, await GenerationMark.open(disk), log);
    await ledger.#load();
    return ledger;
  }

  /** Where it is kept. */
  get disk(): Disk {
    return this.#disk;
  }

  get accepted(): Accepted | null {
    return this.#accepted;
  }
  /** The highest generation that this agent ever accepted here; 0 where none is known. */
  highestOf(agentId: AgentId): number {
    return this.#mark.highestOf(agentId);
  }
  /** By identity. */
  get owned(): ReadonlyMap<string, Owned> {
    return this.#owned;
  }
  /** By Score id: as last told. */
  get statuses(): ReadonlyMap<string, ScoreStatus> {
    return this.#statuses;
  }

  /** `by`: the agent, which from now on remembers that it has come so far. */
  accept(accepted: Accepted, by?: AgentId): void {
    this.#accepted = accepted;
    this.#acceptedIsSaved = false;
    if (by !== undefined) this.#mark.raise(by, accepted.generation);
  }

  /** The last manifest that was wholly Ready on this device. */
  get lastGood(): Accepted | null {
    return this.#lastGood;
  }
  /** What was accepted last is the last good one from now on. */
  keepAsGood(): void {
    this.#lastGood = this.#accepted;
    this.#lastGoodIsSaved = false;
  }

  get trial(): Tried | null {
    return this.#trial;
  }
  tried(trial: Tried | null): void {
    if (trial === this.#trial) return;
    this.#trial = trial;
    pile(this.#unsaved, { trial });
  }

  /** Adds claims to those already held. Does nothing where all of it is known. */
  own(id: string, identity: string, wire: WireScore, claims: readonly string[], marks: Marks = {}): void {
    const held = this.#owned.get(identity);
    const all = [...new Set([...(held?.claims ?? []), ...claims])];
    const marked = held?.making === marks.making && held?.reached === marks.reached;
    if (held?.id === id && held.wire === wire && all.length === held.claims.length && marked) return;
    this.#own({ id, identity, wire, claims: all, ...marks });
  }

  /** Adds what another one claimed, which is about to be disowned. */
  inherit(identity: string, claims: readonly string[]): void {
    const held = this.#owned.get(identity);
    if (held !== undefined) this.#own({ ...held, claims: [...new Set([...held.claims, ...claims])] });
  }

  /** The policies that hold from now on for what is owned; by those it is dealt with when it is dropped. */
  govern(identity: string, { kind, policies }: WireScore, marks: Marks): void {
    const held = this.#owned.get(identity);
    if (held === undefined || held.wire.kind !== kind) return;
    if (JSON.stringify(held.wire.policies) === JSON.stringify(policies)) return;
    const { policies: _, ...wire } = held.wire;
    const { id, claims } = held;
    this.#ruled.add(identity);
    this.#own({ id, identity, claims, wire: { ...wire, ...(policies && { policies }) }, ...marks });
  }

  #own(owned: Owned): void {
    const { identity } = owned;
    const held = this.#owned.get(identity);
    this.#owned.set(identity, owned);
    // The decoder makes new objects for an unchanged Score; the journal need not hear of those.
    const same = held !== undefined && JSON.stringify(held) === JSON.stringify(owned);
    if (!same) pile(this.#unsaved, { own: owned });
  }

  /** Whether what is owned under this identity is on disk, and the manifest that wants it, and why that one is in force. */
  isSaved(identity: string): boolean {
    const keys = [`own ${identity}`, "trial"];
    return this.#acceptedIsSaved && keys.every((key) => !this.#unsaved.has(key) && !this.#saving.has(key));
  }

  /** It stays, and is nobody's any more. */
  leave(identity: string): void {
    this.#ruled.add(identity);
    this.disown(identity);
  }

  disown(identity: string): void {
    if (this.#owned.delete(identity)) pile(this.#unsaved, { disown: identity });
  }

  remember(id: string, status: ScoreStatus): void {
    if (this.#statuses.get(id) === status) return;
    this.#statuses.set(id, status);
    pile(this.#unsaved, { score: id, status });
  }

  forget(id: string): void {
    if (this.#statuses.delete(id)) pile(this.#unsaved, { forget: id });
  }

  /** Those that nobody has acted upon yet. */
  get notices(): Iterable<Notice> {
    return this.#notices.values();
  }

  notice(to: string, by: string): Notice | undefined {
    return this.#notices.get(noticeKey({ to, by }));
  }

  notify(notice: Notice): void {
    const before = this.#notices.get(noticeKey(notice));
    this.#notices.set(noticeKey(notice), notice);
    if (before?.change !== notice.change || before.from !== notice.from) pile(this.#unsaved, { notice });
  }

  /** What it asks for is about to be done. What was noted at the first attempt stands. */
  begun(notice: Notice, from: string | null): void {
    if (notice.from !== undefined || this.#notices.get(noticeKey(notice)) !== notice) return;
    notice.from = from;
    pile(this.#unsaved, { notice });
  }

  noticed({ to, by }: Notice): void {
    if (this.#notices.delete(noticeKey({ to, by }))) pile(this.#unsaved, { noticed: { to, by } });
  }

  /** Resolves when all that was told before is on disk. Writes nothing when it is already. Rejects with a PortError. */
  flush(): Promise<void> {
    if (this.#acceptedIsSaved && this.#lastGoodIsSaved && this.#unsaved.size === 0) return this.#flushing;
    this.#flushing = this.#flushing.catch(() => {}).then(() => this.#saveAndTell());
    return this.#flushing;
  }

  /** Why it could not be saved when that was tried last; null where it could. */
  get trouble(): PortProblem | null {
    return this.#trouble;
  }

  async #saveAndTell(): Promise<void> {
    try {
      await this.#save();
      this.#troubled(null);
    } catch (error) {
      this.#troubled(error instanceof PortError ? error.problem : null);
      throw error;
    }
  }

  #troubled(problem: PortProblem | null): void {
    const isSame = problem?.message === this.#trouble?.message;
    this.#trouble = problem;
    if (!isSame) this.onTrouble();
  }

  async #save(): Promise<void> {
    // Before the manifest that follows it, which may ask to be taken back, and before the line that nothing is on trial.
    if (!this.#lastGoodIsSaved && this.#lastGood !== null) {
      const lastGood = this.#lastGood;
      await this.#disk.replace(LAST_GOOD, savedBytes(lastGood));
      this.#lastGoodIsSaved = this.#lastGood === lastGood;
    }
    if (!this.#acceptedIsSaved && this.#accepted !== null) {
      const [ruled, rest] = [new Map<string, Line>(), new Map<string, Line>()];
      for (const [key, line] of this.#unsaved) (this.#ruled.has(ownedIn(line) ?? "") ? ruled : rest).set(key, line);
      this.#unsaved = rest;
      await this.#append(ruled);
      const accepted = this.#accepted;
      await this.#mark.save();
      await this.#disk.replace(MANIFEST, savedBytes(accepted));
      this.#acceptedIsSaved = this.#accepted === accepted;
    }
    this.#ruled.clear();
    const lines = this.#unsaved;
    this.#unsaved = new Map();
    await this.#append(lines);
    if (this.#journalBytes > this.#journalLimit) await this.#compact();
  }

  /** What could not be written is unsaved again, but for what was told anew meanwhile. */
  async #append(lines: Unsaved): Promise<void> {
    if (lines.size === 0) return;
    this.#saving = lines;
    try {
      const bytes = asLines([...lines.values()]);
      await this.#disk.append(JOURNAL, bytes);
      this.#journalBytes += bytes.length;
    } catch (error) {
      for (const line of this.#unsaved.values()) pile(lines, line);
      this.#unsaved = lines;
      throw error;
    } finally {
      this.#saving = new Map();
    }
  }

  async #load(): Promise<void> {
    const [manifest, lastGood] = [await this.#disk.read(MANIFEST), await this.#disk.read(LAST_GOOD)];
    this.#accepted = manifest && savedIn(manifest);
    this.#lastGood = lastGood && savedIn(lastGood);
    if (manifest !== null && this.#accepted === null) {
      this.#log("the saved manifest cannot be read; the desired state will be read anew", { file: MANIFEST });
    }
    if (lastGood !== null && this.#lastGood === null) {
      this.#log("the last good manifest cannot be read; there is none to go back to", { file: LAST_GOOD });
    }
    const journal = await this.#disk.read(JOURNAL);
    if (journal === null) return;
    const { lines, unreadable } = readLines(journal);
    for (const line of lines) this.#fold(line);
    if (unreadable > 0) {
      this.#log("some lines of the journal cannot be read and are left out", { file: JOURNAL, lines: unreadable });
    }
    this.#journalBytes = journal.length;
    if (unreadable > 0 || lines.length > 2 * this.#lines().length + 64) await this.#compact();
  }

  /**
   * An agent that repairs the same file for years must not fill its card with the telling of it. Nothing is lost where
   * it fails, so that it fails nobody: on a full disk an agent still has to start.
   */
  async #compact(): Promise<void> {
    const bytes = asLines(this.#lines());
    try {
      await this.#disk.replace(JOURNAL, bytes);
      this.#journalBytes = bytes.length;
    } catch (error) {
      this.#log("the journal could not be compacted", { error: String(error) });
    }
    this.#journalLimit = Math.max(JOURNAL_MIN_BYTES, 4 * this.#journalBytes);
  }

  #fold(line: Line): void {
    if ("own" in line) this.#owned.set(line.own.identity, line.own);
    else if ("disown" in line) this.#owned.delete(line.disown);
    else if ("score" in line) this.#statuses.set(line.score, line.status);
    else if ("forget" in line) this.#statuses.delete(line.forget);
    else if ("trial" in line) this.#trial = line.trial;
    else if ("notice" in line) this.#notices.set(noticeKey(line.notice), line.notice);
    else this.#notices.delete(noticeKey(line.noticed));
  }

  #lines(): readonly Line[] {
    return [
      ...[...this.#owned.values()].map((own) => ({ own })),
      ...[...this.#statuses].map(([score, status]) => ({ score, status })),
      ...[...this.#notices.values()].map((notice) => ({ notice })),
      ...(this.#trial === null ? [] : [{ trial: this.#trial }]),
    ];
  }
}
