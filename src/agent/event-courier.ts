import * as z from "zod";
import type { Clock, Log } from "../scores/context.ts";
import type { EventStream } from "../wire/event-stream.ts";
import { Sha256 } from "../wire/events.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Store, Unreachable } from "../wire/store.ts";
import type { Disk } from "./disk.ts";
import type { EventLog, Tail } from "./event-log.ts";

const CURSOR = "events.told.json";
/** What was told is written down so much later, once for all that was told meanwhile. Told twice, it is stored once. */
const GATHER_MS = 5_000;
const RETRY_MIN_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** A server that has no such stream, or lets nobody tell, will hardly change its mind soon; one without a leader will. */
const HOPELESS_MS = 600_000;

/** The record that was told last, and where the stream has put it. */
const Cursor = z.object({
  log: z.string(),
  sequence: z.int().min(1),
  sha256: Sha256,
  position: z.int().min(0),
});
type Cursor = z.infer<typeof Cursor>;

/** Null: none was ever told, or nobody knows any more. */
export async function readCursor(disk: Pick<Disk, "read">): Promise<Cursor | null> {
  try {
    const bytes = await disk.read(CURSOR);
    return bytes === null ? null : Cursor.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch {
    return null;
  }
}

export interface CourierParts {
  readonly agentId: AgentId;
  readonly events: EventLog;
  /** As it was read at the start. */
  readonly cursor: (Tail & { readonly position: number }) | null;
  readonly disk: Disk;
  readonly stream: Pick<EventStream, "tellEvent"> & Pick<Store, "onConnection">;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

/**
 * Tells the stream of what is on record, in order and each at least once: from where it had come to, after an outage, a
 * restart and the loss of the stream. What is on the device decides; the stream catches up.
 */
export class Courier {
  readonly #parts: CourierParts;
  #sequence: number;
  #position: number;
  #written: number;
  #isTelling = false;
  #failures = 0;
  #why = "";
  #isUp = false;
  #isStopped = false;
  #cancelRetry = (): void => {};
  #cancelCursor: (() => void) | null = null;
  #disconnect = (): void => {};
  #last: { readonly sequence: number; readonly sha256: string } | null = null;

  constructor(parts: CourierParts) {
    this.#parts = parts;
    const { cursor, events } = parts;
    // Of another log nothing was told.
    this.#sequence = cursor !== null && cursor.log === events.tail.log ? cursor.sequence : 0;
    this.#position = cursor?.position ?? 0;
    this.#written = this.#sequence;
  }

  start(): void {
    const { events, stream } = this.#parts;
    events.onRecord = () => this.#tell();
    this.#disconnect = stream.onConnection((state) => {
      this.#isUp = state === "connected";
      if (!this.#isUp) return;
      this.#failures = 0;
      this.#cancelRetry();
      this.#tell();
    });
  }

  /** Writes down what was told. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#parts.events.onRecord = () => {};
    this.#disconnect();
    this.#cancelRetry();
    this.#cancelCursor?.();
    await this.#writeCursor();
  }

  #tell(): void {
    if (this.#isTelling || this.#isStopped || !this.#isUp) return;
    this.#isTelling = true;
    this.#cancelRetry();
    void this.#tellAll()
      .catch((bug: unknown) => {
        this.#parts.log("events cannot be told", { error: String(bug) });
        return RETRY_MAX_MS;
      })
      .then((retryMs) => {
        this.#isTelling = false;
        if (this.#isStopped || !this.#isUp) return;
        const { clock, random, events } = this.#parts;
        if (retryMs !== null) this.#cancelRetry = clock.after(retryMs * (0.8 + 0.4 * random()), () => this.#tell());
        else if (events.tail.sequence > this.#sequence) this.#tell();
      });
  }

  /** Milliseconds until it is tried again; null: all is told. */
  async #tellAll(): Promise<number | null> {
    const { agentId, events, stream, log } = this.#parts;
    for (;;) {
      const next = await events.after(this.#sequence);
      if (next.length === 0) return null;
      for (const { head, line, sha256 } of next) {
        if (this.#isStopped) return null;
        const told = await stream.tellEvent(agentId, Buffer.from(line), sha256);
        if (told._tag === "Unreachable") return this.#failed(told);
        this.#failures = 0;
        this.#why = "";
        const isAnew = told.isNew && told.position < this.#position;
        if (told.isNew) this.#position = told.position;
        this.#sequence = head.sequence;
        this.#last = { sequence: head.sequence, sha256 };
        this.#writeCursorSoon();
        if (isAnew) {
          log("the stream of events was made anew: it is told again what is on record here", {});
          this.#sequence = 0;
          break;
        }
      }
    }
  }

  #failed({ reason, message }: Unreachable): number {
    const isHopeless = reason === "NoBucket" || reason === "Denied";
    if (isHopeless && this.#why !== reason) {
      this.#parts.log("events are kept here alone until the server takes them", { message });
    }
    this.#why = reason;
    this.#failures += 1;
    return Math.min(RETRY_MIN_MS * 2 ** Math.min(this.#failures, 10), isHopeless ? HOPELESS_MS : RETRY_MAX_MS);
  }

  #writeCursorSoon(): void {
    this.#cancelCursor ??= this.#parts.clock.after(GATHER_MS, () => {
      this.#cancelCursor = null;
      void this.#writeCursor();
    });
  }

  async #writeCursor(): Promise<void> {
    const { disk, events } = this.#parts;
    if (this.#last === null || this.#last.sequence === this.#written) return;
    const { sequence, sha256 } = this.#last;
    const cursor: Cursor = { log: events.tail.log, sequence, sha256, position: this.#position };
    try {
      await disk.replace(CURSOR, Buffer.from(JSON.stringify(cursor)));
      this.#written = sequence;
    } catch {
      // Then some are told twice after the next start, and stored once.
    }
  }
}
