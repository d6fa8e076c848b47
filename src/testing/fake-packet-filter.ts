import type { InboundRules, InboundState, PacketFilter } from "../capabilities/packet-filter.ts";
import { PortError } from "../capabilities/port-error.ts";

/** What a packet filter in memory holds. */
export interface FakeFilterTables {
  /** The parts by name: their rules as JSON, or anything else where somebody has changed them. */
  readonly parts?: Readonly<Record<string, string>>;
  /** What all parts share, which somebody may have `altered`, or left behind alone. Default: `sound` where there are parts. */
  readonly frame?: "sound" | "altered" | undefined;
  /** Tables of others, by name. */
  readonly foreign?: Readonly<Record<string, string>>;
}

/** A packet filter in memory. */
export class FakePacketFilter implements PacketFilter {
  readonly #parts: Map<string, string>;
  #frame: "sound" | "altered" | undefined;
  readonly #foreign: Map<string, string>;
  readonly #watchers = new Set<() => void>();

  constructor({ parts = {}, frame, foreign = {} }: FakeFilterTables = {}) {
    this.#parts = new Map(Object.entries(parts));
    this.#frame = frame ?? (this.#parts.size > 0 ? "sound" : undefined);
    this.#foreign = new Map(Object.entries(foreign));
  }

  /** All that is there: `part:<name>`, `frame` and `table:<name>`, sorted. */
  facts(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      [
        ...[...this.#parts].map(([name, rules]) => [`part:${name}`, rules] as const),
        ...(this.#frame === undefined ? [] : [["frame", this.#frame] as const]),
        ...[...this.#foreign].map(([name, text]) => [`table:${name}`, text] as const),
      ].toSorted(([a], [b]) => (a < b ? -1 : 1)),
    );
  }

  /** Puts a part there past the port, or takes it away where `rules` is null, as somebody else would. */
  put(name: string, rules: string | null): void {
    if (rules === null) this.#parts.delete(name);
    else this.#parts.set(name, rules);
    if (rules !== null) this.#frame ??= "altered";
    this.#tell();
  }

  /** Alters what all parts share; `null` deletes everything. */
  putFrame(frame: "altered" | null): void {
    if (frame === null) this.#parts.clear();
    this.#frame = frame ?? undefined;
    this.#tell();
  }

  putForeign(name: string, text: string): void {
    this.#foreign.set(name, text);
  }

  async inspect(name: string, rules: InboundRules, signal: AbortSignal): Promise<InboundState> {
    await answer(signal);
    if (this.#frame === undefined) return "absent";
    const there = this.#parts.get(name);
    if (there === undefined) return this.#parts.size === 0 ? "altered" : "absent";
    return there === JSON.stringify(rules) && this.#frame === "sound" ? "in-force" : "altered";
  }

  watch(changed: () => void): () => void {
    const watcher = (): void => changed();
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  async replace(name: string, rules: InboundRules, signal: AbortSignal): Promise<void> {
    await answer(signal);
    this.#parts.set(name, JSON.stringify(rules));
    this.#frame = "sound";
    this.#tell();
  }

  async remove(name: string, signal: AbortSignal): Promise<void> {
    await answer(signal);
    if (this.#frame === undefined || (!this.#parts.has(name) && this.#parts.size > 0)) return;
    this.#parts.delete(name);
    this.#frame = this.#parts.size > 0 ? "sound" : undefined;
    this.#tell();
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
  }
}

/** Comes a moment later, as from a program, and only as long as the caller wants it. */
async function answer(signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "device",
    message: "The packet filter was called off before it answered.",
    next: "Nothing: it is tried again.",
  });
}
