import { createHash } from "node:crypto";
import type { Clock, Log } from "../scores/context.ts";
import { type DecodedManifest, decodePayload, type Gate, type InForce, openEnvelope } from "../wire/decode.ts";
import { type Envelope, PAYLOAD_LIMIT_BYTES } from "../wire/envelope.ts";
import { sha256Of } from "../wire/event-chain.ts";
import type { ManifestRefusal } from "../wire/refusal.ts";
import { openSealedPayload, SEAL_BYTES } from "../wire/sealed-payload.ts";
import { fitting } from "../wire/signature.ts";
import type { Store } from "../wire/store.ts";
import type { Accepted } from "./saved-manifest.ts";
import type { Reading } from "./status-document.ts";

/** The key is read at least this often, with a fifth of jitter either way, whether or not a hint came. */
const POLL_MS = 60_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 15_000;
/** An answer older than one already seen comes from a follower that lags; asked this often again, it is a new store. */
const LAGS = 3;

/** What is refused by the clock alone is held against it again. */
const TIMED: ReadonlySet<string> = new Set<ManifestRefusal["reason"]>(["KeyExpired", "KeyNotYetValid"]);

export type Payload =
  | { readonly _tag: "Text"; readonly payload: string; readonly signatures: Envelope["signatures"] }
  | { readonly _tag: "Refused"; readonly refusal: ManifestRefusal }
  | { readonly _tag: "Unreachable" };

/** The payload of an envelope, from the assets where it lies there. */
export async function payloadOf(bytes: Uint8Array, store: Store): Promise<Payload> {
  const opened = openEnvelope(bytes);
  if (opened._tag === "Refused") return opened;
  if (opened._tag === "Inline") return { _tag: "Text", payload: opened.payload, signatures: opened.signatures };
  const limit = PAYLOAD_LIMIT_BYTES + (opened.key === undefined ? 0 : SEAL_BYTES);
  const asset = await store.getAsset(opened.sha256, { limit, timeoutMs: 30_000 });
  const refused = (reason: ManifestRefusal["reason"], message: string): Payload => ({
    _tag: "Refused",
    refusal: { reason, message, generation: null },
  });
  switch (asset._tag) {
    case "Unreachable":
      return { _tag: "Unreachable" };
    case "Absent":
      return refused("MissingPayload", `the payload ${opened.sha256} is not among the assets`);
    case "Corrupt":
      return refused("MissingPayload", `the payload ${opened.sha256} came back damaged: ${asset.message}`);
    case "TooLarge":
      return refused("TooLarge", `the payload is ${asset.bytes} bytes, at most ${asset.limit}`);
    case "Value":
      try {
        const payloadBytes = opened.key === undefined ? asset.value : openSealedPayload(asset.value, opened.key);
        if (payloadBytes === null) {
          return refused("Malformed", `the payload ${opened.sha256} cannot be opened with the envelope's key`);
        }
        const payload = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(payloadBytes);
        return { _tag: "Text", payload, signatures: opened.signatures };
      } catch {
        return refused("Malformed", `the payload ${opened.sha256} is not UTF-8`);
      }
  }
}

/** Whether one signed it who had not when it was accepted: together they may be enough for what one could not have. */
function signedByMore(payload: string, signatures: Envelope["signatures"], gate: Gate, { signedBy = [] }: InForce) {
  const fit = fitting(payload, signatures, gate);
  return fit._tag === "Fitting" && fit.keys.some(({ name }) => !signedBy.includes(name));
}

export interface DesiredStateParts {
  readonly store: Store;
  readonly gate: Gate;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly inForce: () => InForce | null;
  readonly onManifest: (manifest: DecodedManifest, accepted: Accepted) => void;
  /** `sha256`: of the payload that was refused, or of the envelope where that could not be opened. */
  readonly onReading: (reading: Reading, revision: number, sha256?: string) => void;
}

/**
 * Follows the agent's key in `desired-state`. A hint says that something may have changed; the key alone says what. It is
 * read on a hint, on reconnect and on a timer. No key, a deleted key and an unreadable store change nothing on the device.
 */
export class DesiredState {
  readonly #parts: DesiredStateParts;
  #revision = 0;
  /** Hash of the bytes at that revision: a store that was made anew counts from one again. */
  #digest = "";
  /** Of the last manifest that was decoded. */
  #scores: DecodedManifest["scores"] = new Map();
  #reading = false;
  #isAnew = false;
  #again = false;
  #failures = 0;
  #lags = 0;
  #cancel: (() => void) | null = null;
  #unsubscribe: (() => void) | null = null;
  #stopped = false;

  constructor(parts: DesiredStateParts) {
    this.#parts = parts;
  }

  start(): void {
    const { store, gate } = this.#parts;
    this.#unsubscribe = store.onChange("desired-state", gate.agentId, () => this.read());
    this.read();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
    this.#unsubscribe?.();
  }

  /** Reads the key now, or once more when it is being read. */
  read(): void {
    if (this.#stopped) return;
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    this.#cancel?.();
    void this.#read()
      .catch((bug: unknown) => {
        this.#parts.log("a bug of the desired state's reader", { bug: String(bug) });
        return POLL_MS;
      })
      .then((nextMs) => {
        this.#reading = false;
        if (this.#stopped) return;
        if (this.#again) {
          this.#again = false;
          this.read();
        } else {
          const jittered = nextMs * (0.8 + 0.4 * this.#parts.random());
          this.#cancel = this.#parts.clock.after(jittered, () => this.read());
        }
      });
  }

  /** Reads it as if it had never been read: what it is held against has changed. */
  readAnew(): void {
    this.#isAnew = true;
    if (this.#unsubscribe !== null) this.read();
  }

  /** Milliseconds until the key is read again. */
  async #read(): Promise<number> {
    const { store, gate, onReading } = this.#parts;
    const found = await store.get("desired-state", gate.agentId);
    if (this.#stopped) return POLL_MS;
    if (found._tag === "Unreachable") return this.#retry(found.message);
    if (found._tag === "Absent") {
      onReading({ _tag: "Absent" }, 0);
      return this.#done(0, "");
    }
    if (found.revision < this.#revision && this.#lags < LAGS) {
      this.#lags += 1;
      return RETRY_MIN_MS;
    }
    this.#lags = 0;
    const digest = found._tag === "Value" ? createHash("sha256").update(found.value).digest("base64") : "";
    const isSame = found.revision === this.#revision && digest === this.#digest && !this.#isAnew;
    this.#isAnew = false;
    if (isSame) return this.#done(found.revision, digest);
    if (found._tag === "Deleted") {
      onReading({ _tag: "Deleted" }, found.revision);
      return this.#done(found.revision, digest);
    }
    const read = await payloadOf(found.value, store);
    if (this.#stopped) return POLL_MS;
    if (read._tag === "Unreachable") return this.#retry("the payload could not be read");
    if (read._tag === "Refused") {
      onReading(read, found.revision, sha256Of(found.value));
      // An asset can come later than what names it, or come again.
      if (read.refusal.reason === "MissingPayload") return this.#retry(read.refusal.message);
    } else this.#decode(read.payload, read.signatures, found.revision);
    return this.#done(found.revision, digest);
  }

  /** Takes what came by another way than the key, if the gate lets it, and says what became of it. */
  take(payload: string, signatures: Envelope["signatures"], revision: number): Reading {
    return this.#judge(payload, signatures, revision).reading;
  }

  #decode(payload: string, signatures: Envelope["signatures"], revision: number): void {
    const { reading, isTaken } = this.#judge(payload, signatures, revision);
    if (!isTaken) this.#parts.onReading(reading, revision, sha256Of(payload));
    // The clock that says so may be wrong.
    this.#isAnew = reading._tag === "Refused" && TIMED.has(reading.refusal.reason);
  }

  #judge(
    payload: string,
    signatures: Envelope["signatures"],
    revision: number,
  ): { readonly reading: Reading; readonly isTaken: boolean } {
    const { gate, inForce, onManifest } = this.#parts;
    const before = inForce();
    const asBefore =
      before?.payload === payload ? ({ _tag: "Accepted", generation: before.generation } as const) : null;
    if (asBefore !== null && before !== null && !signedByMore(payload, signatures, gate, before)) {
      return { reading: asBefore, isTaken: false };
    }
    const decoded = decodePayload(payload, signatures, gate, before, this.#scores);
    if (decoded._tag === "Refused") return { reading: asBefore ?? decoded, isTaken: false };
    const { scores, generation, signedBy } = decoded.manifest;
    this.#scores = scores;
    onManifest(decoded.manifest, {
      generation,
      payload,
      revision,
      ...(signedBy.length > 0 && { signedBy: [...signedBy], signatures: [...signatures] }),
    });
    return { reading: { _tag: "Accepted", generation }, isTaken: true };
  }

  #done(revision: number, digest: string): number {
    this.#revision = revision;
    this.#digest = digest;
    this.#failures = 0;
    return POLL_MS;
  }

  #retry(message: string): number {
    if (this.#failures === 0) {
      this.#parts.log("the desired state cannot be read; what is in force stays in force", { message });
    }
    this.#failures += 1;
    return Math.min(RETRY_MIN_MS * 2 ** Math.min(this.#failures, 8), RETRY_MAX_MS);
  }
}
