import type { Clock, Log } from "../scores/context.ts";
import type { Agent } from "./agent.ts";
import { stalls } from "./progress.ts";
import type { Renewal } from "./renewal.ts";
import { type SelfReport, statusLine } from "./self-report.ts";
import type { ServiceManager } from "./service-manager.ts";

/** Where nobody waits for a sign of life, it is looked at so often whether anything hangs. */
const LOOK_MS = 60_000;
/** Signs of life within the time after which the agent counts as dead: one may be missed for a slow moment. */
const SIGNS = 3;
/** What changes within this is told once. */
const GATHER_MS = 1000;

export interface VitalSignsParts {
  readonly agent: Pick<Agent, "progress" | "facts" | "conditions" | "isConnected" | "onNews">;
  /** Of another agent in this process, the one of a pair; null where none works here. Default: none ever does. */
  readonly other?: (() => Agent["progress"]) | undefined;
  /** Null: it has none that could be renewed. Default: null. */
  readonly renewal?: Pick<Renewal, "report" | "onNews"> | null;
  readonly manager: ServiceManager;
  /** Keeps it for whoever asks on the device. */
  readonly publish: (report: SelfReport) => void;
  readonly about: Pick<SelfReport, "agentId" | "agentVersion" | "bootId" | "pid" | "stateDirectory">;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells the service manager and people on the device how the agent is. A sign of life is given only while the reconcile
 * loop makes progress; the timer here decides when it is looked at, and nothing else.
 */
export class VitalSigns {
  readonly #parts: VitalSignsParts;
  readonly #everyMs: number;
  #cancelLook = (): void => {};
  #cancelNews: (() => void) | null = null;
  #stalls: readonly string[] = [];
  #status = "";
  #published = "";

  constructor(parts: VitalSignsParts) {
    this.#parts = parts;
    const { watchdogMs } = parts.manager;
    this.#everyMs = watchdogMs === null ? LOOK_MS : watchdogMs / SIGNS;
  }

  /** The agent has looked at the host and gone on from its ledger. */
  started(): void {
    const { agent, renewal, clock } = this.#parts;
    const news = (): void => void (this.#cancelNews ??= clock.after(GATHER_MS, () => this.#tell({})));
    agent.onNews = news;
    if (renewal) renewal.onNews = news;
    this.#tell({ READY: "1" });
    this.#look();
  }

  /** It was asked to stop. */
  stopping(): void {
    this.#parts.agent.onNews = () => {};
    if (this.#parts.renewal) this.#parts.renewal.onNews = () => {};
    this.#cancelLook();
    this.#cancelNews?.();
    this.#parts.manager.tell({ STOPPING: "1", STATUS: "stopping" });
  }

  #look(): void {
    const { agent, other, clock, log } = this.#parts;
    this.#cancelLook = clock.after(this.#everyMs, () => this.#look());
    this.#stalls = [agent.progress, other?.() ?? null].flatMap((progress) =>
      progress === null ? [] : stalls(progress.loop, progress.passes),
    );
    if (this.#stalls.length === 0) return this.#tell({ WATCHDOG: "1" });
    log("the agent hangs; it gives no sign of life until it goes on", { stalls: this.#stalls });
    this.#tell({});
  }

  #tell(state: Readonly<Record<string, string>>): void {
    const { agent, renewal, manager, publish, about } = this.#parts;
    this.#cancelNews?.();
    this.#cancelNews = null;
    const { isConnected, facts, conditions } = agent;
    const line = this.#stalls.length > 0 ? `hangs: ${this.#stalls.join("; ")}` : statusLine(facts, isConnected);
    const status = line === this.#status ? {} : { STATUS: line };
    this.#status = line;
    if (Object.keys(state).length + Object.keys(status).length > 0) manager.tell({ ...state, ...status });
    const report: SelfReport = {
      ...about,
      generation: facts.generation,
      observedGeneration: facts.observedGeneration,
      isConnected,
      conditions: [...conditions],
      stalls: [...this.#stalls],
      ...(renewal && { key: renewal.report }),
    };
    const text = JSON.stringify(report);
    if (text === this.#published) return;
    this.#published = text;
    publish(report);
  }
}
