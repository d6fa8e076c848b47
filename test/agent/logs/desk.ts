import { LogRing } from "../../../src/agent/logs/log-ring.ts";
import type { LogEntry, LogGap, LogQuery, LogSource } from "../../../src/agent/logs/log-source.ts";
import { type AgentLogs, serveLogs } from "../../../src/agent/logs/serve-logs.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { createFleet, type LogNews, type LogsOptions } from "../../../src/fleet/index.ts";
import { KINDS } from "../../../src/scores/index.ts";
import type { AnyScore } from "../../../src/scores/score.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { PiWithAuditedShellTopology } from "../../../src/topology/pi-with-audited-shell.ts";
import type { Gate } from "../../../src/wire/decode.ts";
import { encodeScore } from "../../../src/wire/encode.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import { AGENT } from "../support/manifests.ts";
import { MemoryDisk } from "../support/memory-disk.ts";

/** A journal that tells how it was asked, and how many read it now. */
export class WatchedSource implements LogSource {
  readonly queries: LogQuery[] = [];
  readers = 0;
  readonly #source: LogSource;

  constructor(source: LogSource) {
    this.#source = source;
  }

  async *read(query: LogQuery, signal: AbortSignal): AsyncGenerator<readonly (LogEntry | LogGap)[], void, void> {
    this.queries.push(query);
    this.readers += 1;
    try {
      yield* this.#source.read(query, signal);
    } finally {
      this.readers -= 1;
    }
  }
}

/** Gives what it is told to, in one piece, and then goes on as long as it is followed. */
export const given = (entries: readonly (LogEntry | LogGap)[]): LogSource => ({
  async *read({ follow }, signal) {
    yield entries;
    if (follow && !signal.aborted) await new Promise((end) => signal.addEventListener("abort", end));
  },
});

export interface DeskOptions {
  readonly maxPayload?: number;
  readonly journal?: LogSource | null;
  readonly ownUnit?: string | null;
  readonly gate?: Partial<Gate>;
}

/** What an agent answers from, without the rest of it; and a fleet that asks. */
export async function desk({ maxPayload, journal, ownUnit = null, gate: other = {} }: DeskOptions = {}) {
  const clock = new FakeClock();
  const server = new MemoryServer(maxPayload === undefined ? {} : { maxPayload });
  const device = new MemoryStore(server);
  const operator = new MemoryStore(server);
  const ledger = await Ledger.open(new MemoryDisk(), () => {});
  const ring = new LogRing("start");
  const units = new LogRing("journal");
  const watched = journal === null ? null : new WatchedSource(journal ?? units);
  const logs: AgentLogs = { memory: ring, journal: watched, ownUnit };
  const gate: Gate = {
    agentId: AGENT,
    kinds: KINDS,
    topology: PiWithAuditedShellTopology,
    trustedKeys: new Map(),
    ...other,
  };
  const serve = (): (() => void) => serveLogs({ store: device, gate, ledger, clock, log: () => {}, logs });
  let stop = serve();
  const fleet = createFleet({ store: operator, clock });
  let readers = 0;

  return {
    clock,
    server,
    device,
    operator,
    ledger,
    ring,
    units,
    watched,
    stop: () => stop(),
    /** As another start of the agent, which has the same log. */
    again: (): void => {
      stop();
      stop = serve();
    },
    own: (id: string, score: AnyScore): void => ledger.own(id, score.bind().identity, encodeScore(score), []),
    log: (...texts: readonly string[]): void => {
      for (const text of texts) ring.add(clock.now().toISOString(), text);
    },
    logUnit: (...texts: readonly string[]): void => {
      for (const text of texts) units.add(clock.now().toISOString(), text);
    },

    /** Somebody who reads; `until` lets time pass for as long as it takes. */
    reads: (options: Partial<LogsOptions> = {}) => {
      const over = new AbortController();
      const news: LogNews[] = [];
      readers += 1;
      const asked = { reader: `reader-number-${readers}`, signal: over.signal, ...options };
      const state = { ended: false };
      void (async () => {
        for await (const each of fleet.logs(AGENT, asked)) news.push(each);
        state.ended = true;
      })();
      const items = () => news.flatMap((each) => (each._tag === "Lines" ? each.items : []));
      const until = async (isSo: () => boolean, stepMs = 20): Promise<void> => {
        for (let turns = 0; turns < 2000; turns += 1) {
          if (isSo()) return;
          await clock.advance(stepMs);
        }
        throw new Error(`it did not come about: ${JSON.stringify(news).slice(0, 2000)}`);
      };
      return {
        news,
        items,
        texts: (): readonly string[] =>
          items().map((item) => ("text" in item ? item.text : `left out ${item.leftOut} ${item.why}`)),
        others: () => news.filter(({ _tag }) => _tag !== "Lines"),
        until,
        ended: () => until(() => state.ended),
        goes: () => over.abort(),
      };
    },
  };
}
