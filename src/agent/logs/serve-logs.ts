import { PortError } from "../../capabilities/port-error.ts";
import type { Clock, Log } from "../../scores/context.ts";
import type { Gate } from "../../wire/decode.ts";
import { logsSubject } from "../../wire/keys.ts";
import { type LogReply, LogRequest, MOST_LINES, WAIT_MS } from "../../wire/logs.ts";
import { readDocument, writeDocument } from "../../wire/status.ts";
import type { Store } from "../../wire/store.ts";
import type { Ledger } from "../ledger.ts";
import type { Accepted } from "../saved-manifest.ts";
import { type Clean, cleaner } from "./cleaning.ts";
import type { LogSource } from "./log-source.ts";
import { PAGE_BYTES, Reading } from "./reading.ts";
import { hiddenTexts, unitsOf } from "./which-log.ts";

/** Each costs a process that reads the journal, and a page of memory. */
export const MOST_READERS = 4;
/** What an answer has beside its lines, and the last line of a page that is one too many. */
const ROOM_BYTES = 32 * 1024;

/** What there is to be read on this device. */
export interface AgentLogs {
  /** The agent's own log of this start. */
  readonly memory: LogSource;
  /** Null where the device has none that can be read. */
  readonly journal: LogSource | null;
  /** The unit that the agent itself runs as; null where its log goes elsewhere than to the journal. */
  readonly ownUnit: string | null;
}

export interface LogDeskParts {
  readonly store: Store;
  readonly gate: Gate;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly logs: AgentLogs;
}

interface Reader {
  readonly reading: Reading;
  readonly source: "journal" | "memory";
  readonly units: readonly string[];
}

/** Answers what is asked for logs. Returns the way to stop, which also ends all readings. */
export function serveLogs(parts: LogDeskParts): () => void {
  const desk = new LogDesk(parts);
  const stop = parts.store.serve(logsSubject(parts.gate.agentId), (request) => desk.answer(request));
  return () => {
    stop();
    desk.close();
  };
}

class LogDesk {
  readonly #parts: LogDeskParts;
  readonly #readers = new Map<string, Reader>();
  #clean: { readonly of: readonly (Accepted | null)[]; readonly clean: Clean } | null = null;

  constructor(parts: LogDeskParts) {
    this.#parts = parts;
  }

  close(): void {
    for (const { reading } of this.#readers.values()) reading.close();
    this.#sweep();
  }

  async answer(bytes: Uint8Array): Promise<Uint8Array> {
    const { store, log } = this.#parts;
    const request = readDocument(LogRequest, bytes);
    const reply =
      request._tag === "Read"
        ? await this.#reply(request.document)
        : refusal("Malformed", `it is no question for logs: ${request.message}`, "Is the asker of a newer version?");
    const answer = writeDocument(reply);
    if (answer.length <= store.maxPayload()) return answer;
    log("an answer with logs is larger than the server takes", { bytes: answer.length });
    return writeDocument(
      refusal("Failed", "the answer is larger than the server takes", "Raise max_payload of the server to 1MB."),
    );
  }

  async #reply(request: LogRequest): Promise<LogReply> {
    this.#sweep();
    const { reader, after } = request;
    const before = this.#readers.get(reader);
    if (request.ends === true) {
      before?.reading.close();
      this.#sweep();
      return this.#lines(before, { items: [], cursor: after, isEnd: true });
    }
    // An answer was lost, or this is another start of the agent: it begins anew from where the reader is.
    if (before?.reading.isAt(after) === false) before.reading.close();
    this.#sweep();
    const found = this.#readers.get(reader) ?? this.#begin(request);
    if ("reason" in found) return found;
    this.#readers.set(reader, found);
    try {
      const page = await found.reading.page(WAIT_MS);
      if (page.isEnd) this.#end(reader, found);
      return this.#lines(found, page);
    } catch (error) {
      this.#end(reader, found);
      if (!(error instanceof PortError)) throw error;
      const { code, message, next } = error.problem;
      return refusal(code === "NotFound" ? "NoJournal" : "Failed", message, next);
    }
  }

  #begin(request: LogRequest): Reader | Extract<LogReply, { readonly _tag: "Refused" }> {
    const { ledger, gate, clock, logs, store, log } = this.#parts;
    if (this.#readers.size >= MOST_READERS) {
      return refusal(
        "Busy",
        `${MOST_READERS} readers of logs are at agent ${gate.agentId} already, which is all that it takes`,
        "Try again when one of them has gone; half a minute after it was last heard of, a reader has.",
      );
    }
    const { score, tail, since, after, follow } = request;
    const which = score === null ? null : unitsOf(score, ledger, gate);
    if (which?._tag === "Refused") return which;
    const units = which?.units ?? (logs.ownUnit === null ? [] : [logs.ownUnit]);
    const ofJournal = which !== null || (logs.ownUnit !== null && logs.journal !== null);
    if (ofJournal && logs.journal === null) {
      return refusal("NoJournal", `agent ${gate.agentId} has no journal that it could read`, "It needs systemd's.");
    }
    const source = ofJournal && logs.journal !== null ? logs.journal : logs.memory;
    const all = tail === null && since === null ? MOST_LINES : tail;
    if (score !== null) log("the logs of a Score are read", { score, follow });
    return {
      reading: new Reading({
        source,
        query: { units, after, tail: all, since: since === null ? null : new Date(since), follow },
        clean: () => this.#cleaner(),
        clock,
        pageBytes: Math.max(ROOM_BYTES / 4, Math.min(PAGE_BYTES, store.maxPayload() - ROOM_BYTES)),
      }),
      source: source === logs.memory ? "memory" : "journal",
      units: source === logs.memory ? [] : units,
    };
  }

  #lines(
    of: Reader | undefined,
    page: Omit<Extract<LogReply, { _tag: "Lines" }>, "_tag" | "agentId" | "source" | "units">,
  ) {
    const { source = "memory", units = [] } = of ?? {};
    return { _tag: "Lines", agentId: this.#parts.gate.agentId, source, units: [...units], ...page } as const;
  }

  #end(reader: string, { reading }: Reader): void {
    reading.close();
    if (this.#readers.get(reader)?.reading === reading) this.#readers.delete(reader);
    this.#sweep();
  }

  /** Secrets are not kept opened for nobody. */
  #sweep(): void {
    for (const [id, { reading }] of this.#readers) if (reading.isOver) this.#readers.delete(id);
    if (this.#readers.size === 0) this.#clean = null;
  }

  /** Made anew where there may be other secrets than before. */
  #cleaner(): Clean {
    const { ledger, gate } = this.#parts;
    const of = [ledger.accepted, ledger.lastGood];
    if (this.#clean === null || of.some((each, at) => each !== this.#clean?.of[at])) {
      this.#clean = { of, clean: cleaner(hiddenTexts(ledger, gate)) };
    }
    return this.#clean.clean;
  }
}

const refusal = (
  reason: Extract<LogReply, { readonly _tag: "Refused" }>["reason"],
  message: string,
  next: string,
): Extract<LogReply, { readonly _tag: "Refused" }> => ({ _tag: "Refused", reason, message, next });
