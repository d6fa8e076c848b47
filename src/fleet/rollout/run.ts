import type { AgentId } from "../../wire/keys.ts";
import type { Rollout, RolloutStop, StoredManifest } from "../../wire/rollout.ts";
import type { CallOptions, Unreachable } from "../../wire/store.ts";
import type { Signers } from "../pack.ts";
import type { FleetParts } from "../parts.ts";
import { applyStored, readStored } from "./device.ts";
import { RolloutRecord } from "./record.ts";
import { soak } from "./soak.ts";
import { clipped, type DeviceOutcome, outcomeOf } from "./told.ts";

export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  readonly signers?: Signers | undefined;
  /** Devices whose content is tried once more although it failed for good. Default: none. */
  readonly retry?: ReadonlySet<string> | undefined;
  /** Called with how it stands whenever that changes. */
  readonly onProgress?: ((progress: RolloutProgress) => void) | undefined;
}

export type RolloutProgress =
  | { readonly _tag: "Wave"; readonly wave: number; readonly rollout: Rollout }
  | { readonly _tag: "Device"; readonly agentId: AgentId; readonly outcome: DeviceOutcome; readonly rollout: Rollout }
  | { readonly _tag: "Soaking"; readonly wave: number; readonly rollout: Rollout };

export type RunResult =
  | { readonly _tag: "Ended"; readonly rollout: Rollout }
  /** Another command runs it now, and writes how it stands. */
  | { readonly _tag: "TakenOver"; readonly rollout: Rollout };

export const failedIn = ({ devices }: Rollout): readonly string[] =>
  Object.entries(devices)
    .filter(([, { state }]) => state === "Failed")
    .map(([id]) => id);

/** Works off the waves of a roll-out whose lease this process holds, until it is done or must not go on. */
export async function runRollout(
  parts: FleetParts,
  { rollout, revision }: { readonly rollout: Rollout; readonly revision: number },
  options: RunOptions = {},
): Promise<RunResult> {
  const record = new RolloutRecord(parts, rollout, revision);
  const signal = AbortSignal.any([options.signal ?? new AbortController().signal, record.halted]);
  const run = new Run(parts, record, signal, options);
  const stop = await run.waves();
  await record.end(stop === null ? "Done" : "Stopped", stop);
  return { _tag: record.why?._tag === "TakenOver" ? "TakenOver" : "Ended", rollout: record.rollout };
}

class Run {
  readonly #parts: FleetParts;
  readonly #record: RolloutRecord;
  readonly #signal: AbortSignal;
  readonly #options: RunOptions;
  /** Most devices are to be the same as the one before. */
  readonly #manifests = new Map<number, StoredManifest>();
  #unreachable: Unreachable | null = null;

  constructor(parts: FleetParts, record: RolloutRecord, signal: AbortSignal, options: RunOptions) {
    this.#parts = parts;
    this.#record = record;
    this.#signal = signal;
    this.#options = options;
  }

  /** Null: all of them are done. */
  async waves(): Promise<RolloutStop | null> {
    const { waves, soakMs } = this.#record.rollout;
    for (let wave = this.#record.rollout.wave; wave < waves.length; wave += 1) {
      const ids = waves[wave] ?? [];
      this.#tell({ _tag: "Wave", wave, rollout: this.#record.rollout });
      await this.#work(ids);
      const stop = this.#stop(wave);
      if (stop !== null) return stop;
      if (soakMs > 0) this.#tell({ _tag: "Soaking", wave, rollout: this.#record.rollout });
      const soaked = await soak(this.#parts, {
        devices: this.#readyOf(ids),
        ms: soakMs,
        signal: this.#signal,
        onTrouble: (id, message) => {
          this.#settle(id, { _tag: "Failed", message: clipped(message) });
          return this.#isOverLimit();
        },
      });
      if (soaked._tag === "Unreachable") this.#unreachable ??= soaked;
      const spoilt = this.#stop(wave);
      if (spoilt !== null) return spoilt;
      this.#record.wave(wave + 1);
    }
    return null;
  }

  /** So many at once; nothing new is begun once the roll-out has to stop, and what is under way comes to its end. */
  async #work(ids: readonly AgentId[]): Promise<void> {
    const left = ids
      .filter((id) => {
        const state = this.#record.rollout.devices[id]?.state;
        return state === "Pending" || state === "Applying";
      })
      .values();
    const worker = async (): Promise<void> => {
      for (const id of left) {
        if (this.#mustStop()) return;
        await this.#apply(id);
        if (this.#mustStop()) return;
      }
    };
    await Promise.all(Array.from({ length: this.#record.rollout.concurrency }, worker));
  }

  async #apply(agentId: AgentId): Promise<void> {
    const device = this.#record.rollout.devices[agentId];
    if (device === undefined) return;
    this.#record.device(agentId, { state: "Applying" });
    const manifest = await this.#manifestOf(device.manifest);
    if ("_tag" in manifest) {
      if (!this.#signal.aborted) this.#unreachable ??= manifest;
      return;
    }
    if ("message" in manifest) return this.#settle(agentId, { _tag: "Failed", message: manifest.message });
    const result = await applyStored(this.#parts, {
      agentId,
      manifest,
      signers: this.#options.signers ?? [],
      retryFailed: this.#options.retry?.has(agentId) ?? false,
      message: this.#record.rollout.message,
      timeoutMs: this.#record.rollout.timeoutMs,
      signal: this.#signal,
      onGeneration: (generation) => this.#record.device(agentId, { generation }),
    });
    // Where it ended above another one in the meantime.
    if ("generation" in result) this.#record.device(agentId, { generation: result.generation });
    this.#settle(agentId, outcomeOf(result));
  }

  #settle(agentId: AgentId, outcome: DeviceOutcome): void {
    switch (outcome._tag) {
      case "Ready":
        this.#record.device(agentId, { state: "Ready", message: null });
        break;
      case "Failed":
        this.#record.device(agentId, { state: "Failed", message: outcome.message });
        break;
      case "Open":
        if (outcome.unreachable !== null && !this.#signal.aborted) this.#unreachable ??= outcome.unreachable;
        return;
    }
    this.#tell({ _tag: "Device", agentId, outcome, rollout: this.#record.rollout });
  }

  #isOverLimit(): boolean {
    return failedIn(this.#record.rollout).length > this.#record.rollout.maxFailures;
  }

  #mustStop(): boolean {
    return this.#signal.aborted || this.#unreachable !== null || this.#isOverLimit();
  }

  /** Why it does not go on after this wave; null: it does. */
  #stop(wave: number): RolloutStop | null {
    const failed = failedIn(this.#record.rollout);
    const { maxFailures, waves } = this.#record.rollout;
    const why = this.#record.why;
    const where = `in wave ${wave + 1} of ${waves.length}`;
    if (failed.length > maxFailures) {
      const message = `${failed.length} device${failed.length === 1 ? " has" : "s have"} failed ${where}, and ${maxFailures} may`;
      return { reason: "TooManyFailures", message };
    }
    if (why?._tag === "Asked") return { reason: "Asked", message: `somebody stopped it ${where}` };
    const lost = why?._tag === "Unreachable" ? why.unreachable : this.#unreachable;
    if (lost !== null) {
      return { reason: "Unreachable", message: `the server could not be reached ${where}: ${lost.message}` };
    }
    if (this.#signal.aborted) return { reason: "Interrupted", message: `the command that ran it was ended ${where}` };
    return null;
  }

  #readyOf(ids: readonly AgentId[]): ReadonlyMap<AgentId, number> {
    const { devices } = this.#record.rollout;
    return new Map(
      ids.flatMap((id) => {
        const { state, generation } = devices[id] ?? { state: "Pending", generation: null };
        return state === "Ready" && generation !== null ? [[id, generation] as const] : [];
      }),
    );
  }

  async #manifestOf(number: number): Promise<StoredManifest | { readonly message: string } | Unreachable> {
    const known = this.#manifests.get(number);
    if (known !== undefined) return known;
    const call: CallOptions = { signal: this.#signal };
    const where = this.#record.rollout.manifests[number];
    if (where === undefined) return { message: "the roll-out does not say what it is to be" };
    const read = await readStored(this.#parts, where, call);
    if ("_tag" in read || "message" in read) return read;
    // One is enough for a manifest, and a fleet of manifests that all differ must not be held whole.
    this.#manifests.clear();
    this.#manifests.set(number, read);
    return read;
  }

  #tell(progress: RolloutProgress): void {
    this.#options.onProgress?.(progress);
  }
}
