import { setTimeout as sleep } from "node:timers/promises";
import type { FileSystemHost } from "../../capabilities/file-system-host.ts";
import type { Attempt, LiveInterface } from "../../capabilities/network-configurator.ts";
import { PortError } from "../../capabilities/port-error.ts";
import { setLink } from "./kernel-interface.ts";
import type { BackEnd, Before } from "./network-back-end.ts";
import { type NetworkNotes, type Note, sha256Of, textOf, type Trying } from "./network-notes.ts";

export interface Confirming {
  readonly confirmWithinMs: number;
}

/** An interface that a back end has. */
export interface Managed {
  readonly _tag: "Managed";
  readonly name: string;
  readonly backEnd: BackEnd;
  readonly inEffect: boolean;
  readonly settled: boolean;
  readonly active: string | null;
  readonly live: LiveInterface;
}

interface Work {
  readonly apply: () => Promise<void>;
  /** What is still to come, in half sentences. */
  readonly lacks: (now: Managed) => readonly string[];
}

const LOOK_MS = 100;
const ASK_MS = 500;
/** After an answer, so that what is on its way out is not taken for what has come. */
const ANSWERS = 2;
/** The agent itself comes first, because it can say what happened; what is armed is for when it is dead. */
const GRACE_SECONDS = 5;
/** To bring the former state back. */
const BACK_MS = 40_000;
/** Of that, until the former addresses are seen again. */
const SEEN_BACK_MS = 15_000;

/** One change of an interface, which proves itself or is taken back. */
export class NetworkChange {
  readonly #files: FileSystemHost;
  readonly #notes: NetworkNotes;
  readonly #reachable: (signal: AbortSignal) => Promise<boolean>;
  readonly #look: (name: string, signal: AbortSignal) => Promise<Managed | { readonly _tag: "Absent" | "Unmanaged" }>;

  constructor(options: {
    readonly files: FileSystemHost;
    readonly notes: NetworkNotes;
    readonly reachable: (signal: AbortSignal) => Promise<boolean>;
    readonly look: (name: string, signal: AbortSignal) => Promise<Managed | { readonly _tag: "Absent" | "Unmanaged" }>;
  }) {
    this.#files = options.files;
    this.#notes = options.notes;
    this.#reachable = options.reachable;
    this.#look = options.look;
  }

  /** Writes the profile and has it used. */
  async put(backEnd: BackEnd, name: string, text: string, signal: AbortSignal): Promise<void> {
    await this.#files.writeFile(backEnd.file(name), new TextEncoder().encode(text), { mode: backEnd.mode });
    await backEnd.use(name, signal);
  }

  async attempt(
    from: Managed,
    content: Attempt,
    text: string | null,
    confirmWithinMs: number,
    signal: AbortSignal,
    work: Work,
  ): Promise<void> {
    const { name, backEnd } = from;
    const note = this.#notes.read(name);
    const before = beforeOf(from);
    // Without a profile of Harmony's own, what is there now is what its removal will lead back to.
    const noted: Note = { ...note, original: before.text === null ? before : (note.original ?? before) };
    if (!(await this.#reachable(signal))) {
      if (note.confirmed !== content.id) throw cannotConfirm(name);
      // It was right once, and without it the server may never be reached again.
      await work.apply();
      const lacks = await this.wait(name, work.lacks, confirmWithinMs, signal);
      await this.#confirmed(name, noted, content, text);
      if (lacks.length > 0) throw notSo(name, lacks);
      return;
    }
    const seconds = Math.ceil(confirmWithinMs / 1000) + GRACE_SECONDS;
    const token = await backEnd.arm(name, before, seconds, signal);
    const trying: Trying = { ...content, backEnd: backEnd.name, token, sha256: sha256Of(text), before };
    let why: string | null = null;
    try {
      await this.#notes.write(name, { ...noted, trying });
      await work.apply();
      why = await this.#provesItself(name, work, confirmWithinMs, signal);
      if (why === null && !(await backEnd.disarm(name, token, signal))) why = "the time to confirm it was over";
    } catch (error) {
      await this.takeBack(name, backEnd, trying, { isToBlame: false }, AbortSignal.timeout(BACK_MS));
      throw error;
    }
    if (why === null) return this.#confirmed(name, noted, content, text);
    const isBack = await this.takeBack(name, backEnd, trying, { isToBlame: true }, AbortSignal.timeout(BACK_MS));
    throw rolledBack(name, why, isBack);
  }

  /**
   * Brings back what was there before, whether the way back that was armed has been gone already or not.
   *
   * @param isToBlame whether the content is noted as one that must not be tried again
   * @returns whether the former addresses are seen to be back
   */
  async takeBack(
    name: string,
    backEnd: BackEnd,
    trying: Trying,
    { isToBlame }: { readonly isToBlame: boolean },
    signal: AbortSignal,
  ): Promise<boolean> {
    const { before, sha256, token, id, attempt } = trying;
    const file = backEnd.file(name);
    if (!(await backEnd.fire(name, token, signal)) && sha256Of(textOf(file)) === sha256) {
      if (before.text === null) await backEnd.leave(name, before, signal);
      else await this.put(backEnd, name, before.text, signal);
      if (before.text === null && backEnd.name === "systemd-networkd") {
        await setLink(name, ["address", before.mac, "mtu", String(before.mtu)], signal);
      }
    }
    const missing = await this.wait(name, ({ live }) => missingIn(live, before), SEEN_BACK_MS, signal);
    const note = this.#notes.read(name);
    const text = textOf(file);
    await this.#notes.write(name, {
      ...note,
      // NetworkManager writes what it restores in a spelling of its own.
      stored: text === null || note.stored === null ? null : { id: note.stored.id, sha256: sha256Of(text) ?? "" },
      confirmed: isToBlame && note.confirmed === id ? null : note.confirmed,
      rolledBack: isToBlame ? { id, attempt } : note.rolledBack,
      trying: null,
    });
    return missing.length === 0;
  }

  /** Looks until nothing is lacking, or the time is over: then it tells what is. */
  async wait(
    name: string,
    lacks: (now: Managed) => readonly string[],
    ms: number,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const endsAt = performance.now() + ms;
    for (;;) {
      const now = await this.#look(name, signal);
      const left = now._tag === "Managed" ? lacks(now) : ["it is not managed any more"];
      if (left.length === 0 || performance.now() >= endsAt) return left;
      await sleep(LOOK_MS, undefined, { signal });
    }
  }

  /** Why it is not to stay; null when it is as wanted and the server answers. */
  async #provesItself(name: string, work: Work, ms: number, signal: AbortSignal): Promise<string | null> {
    const endsAt = performance.now() + ms;
    const lacks = await this.wait(name, work.lacks, ms, signal);
    if (lacks.length > 0) return lacks.join("; ");
    for (let answers = 0; ;) {
      answers = (await this.#reachable(signal)) ? answers + 1 : 0;
      if (answers >= ANSWERS) return null;
      if (answers === 0 && performance.now() >= endsAt) return "the server does not answer";
      await sleep(ASK_MS, undefined, { signal });
    }
  }

  async #confirmed(name: string, note: Note, { id }: Attempt, text: string | null): Promise<void> {
    const stored = text === null ? null : { id, sha256: sha256Of(text) ?? "" };
    await this.#notes.write(name, { ...note, stored, confirmed: id, rolledBack: null, trying: null });
  }
}

const beforeOf = ({ name, backEnd, active, live: { mac, mtu, up, addresses } }: Managed): Before => ({
  text: textOf(backEnd.file(name)),
  active,
  mac,
  mtu,
  up,
  addresses: addresses.filter(({ origin }) => origin === "static").map(({ address }) => address),
});

const missingIn = (live: LiveInterface, { addresses }: Before): readonly string[] =>
  addresses.filter((address) => !live.addresses.some((there) => there.address === address));

const cannotConfirm = (name: string): PortError =>
  new PortError({
    code: "Unavailable",
    blame: "platform",
    message: `The server does not answer now, so that a change of ${name} could not be confirmed; nothing was changed.`,
    next: "See to it that the server runs and the device reaches it; the agent tries again by itself.",
  });

const notSo = (name: string, lacks: readonly string[]): PortError =>
  new PortError({
    code: "Failed",
    blame: "device",
    message: `The profile of ${name} is in place again, and still ${lacks.join("; ")}.`,
    next: "Look at the cable and at what else manages the interface.",
  });

const rolledBack = (name: string, why: string, isBack: boolean): PortError =>
  new PortError({
    code: "RolledBack",
    blame: "author",
    message: `The change of ${name} was taken back: ${why}. ${isBack ? "The former state is back." : "The former profile is in force again, and not all of its addresses are seen yet."}`,
    next: 'Correct the Score, or raise its "attempt" to have the same settings tried once more.',
    retryable: false,
  });
