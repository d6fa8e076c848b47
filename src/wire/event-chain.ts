import { hash } from "node:crypto";
import { EventRecord, RecordHead } from "./events.ts";
import { measure, scan } from "./scan.ts";
import { safeParse } from "./safe-parse.ts";

/** The largest record in bytes. */
export const RECORD_LIMIT_BYTES = 4096;
const LIMITS = { depth: 4, values: 256 };

/** A record as it was written. */
export interface Entry {
  readonly head: RecordHead;
  /** Null: of a version that this one does not know. */
  readonly record: EventRecord | null;
  /** The exact text, without the end of the line. */
  readonly line: string;
  /** Of the line; the next record names it. */
  readonly sha256: string;
}

export type ReadEntry =
  | ({ readonly _tag: "Entry" } & Entry)
  | { readonly _tag: "Unreadable"; readonly message: string };

export const sha256Of = (bytes: string | Uint8Array): string => hash("sha256", bytes);

/** Reads one line. Total: a device tells what it likes. */
export function readEntry(line: string): ReadEntry {
  const no = (message: string): ReadEntry => ({ _tag: "Unreadable", message });
  const bytes = Buffer.from(line);
  if (bytes.length > RECORD_LIMIT_BYTES) return no(`${bytes.length} bytes, at most ${RECORD_LIMIT_BYTES}`);
  const unbounded = measure(bytes, LIMITS);
  if (unbounded !== null) return no(unbounded);
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return no("not JSON");
  }
  const wrong = scan(value);
  if (wrong !== null) return no(wrong);
  const head = safeParse(RecordHead, value);
  if (!head.success) return no("not a record");
  const record = safeParse(EventRecord, value);
  return { _tag: "Entry", head: head.data, record: record.data ?? null, line, sha256: sha256Of(line) };
}

/** How a record follows those that were seen of its log before. */
export type Follows =
  /** It is the first that is seen of this log; what was before it, if anything, is not known. */
  | { readonly _tag: "First" }
  | { readonly _tag: "Next" }
  /** It was seen already. */
  | { readonly _tag: "Again" }
  /** So many are missing before it. */
  | { readonly _tag: "Gap"; readonly missing: number }
  /** It names another one before it than there was, or is another one than was seen in its place. */
  | { readonly _tag: "Broken"; readonly message: string };

interface Seen {
  sequence: number;
  sha256: string;
  readonly recent: Map<number, string>;
}

/** So many records of each log are known again. */
const REMEMBERED = 4096;

/** Holds the records of any number of logs against each other, each log's in order. */
export class ChainCheck {
  readonly #logs = new Map<string, Seen>();

  /** Whether another log of this agent was seen before. */
  isAnew({ agentId, log }: RecordHead): boolean {
    const prefix = `${agentId} `;
    return !this.#logs.has(prefix + log) && [...this.#logs.keys()].some((key) => key.startsWith(prefix));
  }

  look({ head: { agentId, log, sequence, previous }, sha256 }: Entry): Follows {
    const key = `${agentId} ${log}`;
    const seen = this.#logs.get(key);
    if (seen === undefined) {
      this.#logs.set(key, { sequence, sha256, recent: new Map([[sequence, sha256]]) });
      return isBeginning(sequence, previous) ?? { _tag: "First" };
    }
    const known = seen.recent.get(sequence);
    if (known !== undefined) {
      if (known === sha256) return { _tag: "Again" };
      return { _tag: "Broken", message: "it is not the one that was seen in its place before" };
    }
    const before = seen.recent.get(sequence - 1);
    const gap = sequence - seen.sequence - 1;
    this.#remember(seen, sequence, sha256);
    if (before !== undefined && before !== previous) {
      return { _tag: "Broken", message: `the record before it is not the one that it follows (${previous ?? "none"})` };
    }
    const wrong = isBeginning(sequence, previous);
    if (wrong !== null) return wrong;
    return gap > 0 ? { _tag: "Gap", missing: gap } : { _tag: "Next" };
  }

  #remember(seen: Seen, sequence: number, sha256: string): void {
    seen.recent.set(sequence, sha256);
    if (sequence > seen.sequence) {
      seen.sequence = sequence;
      seen.sha256 = sha256;
    }
    if (seen.recent.size <= REMEMBERED) return;
    const [oldest] = seen.recent.keys();
    if (oldest !== undefined) seen.recent.delete(oldest);
  }
}

/** The first record of a log follows none, and no other does. */
const isBeginning = (sequence: number, previous: string | null): Follows | null =>
  (sequence === 1) === (previous === null)
    ? null
    : {
        _tag: "Broken",
        message: sequence === 1 ? "a first record follows none" : "it does not say which one it follows",
      };
