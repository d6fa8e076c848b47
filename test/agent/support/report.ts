import { onTestFinished } from "vitest";
import { Reporter } from "../../../src/agent/reporter.ts";
import { FakeClock, settle } from "../../../src/testing/fake-clock.ts";
import { MemoryServer } from "../../../src/wire/memory-server.ts";
import { MemoryStore } from "../../../src/wire/memory-store.ts";
import { AgentStatus, readDocument, type ScoreStatus } from "../../../src/wire/status.ts";
import { AGENT } from "./manifests.ts";

export const score = (details: ScoreStatus["details"] = null, message = "no"): ScoreStatus => ({
  kind: "File",
  version: 1,
  digest: "sha256:0",
  generation: 1,
  state: "Failed",
  outcome: "FAILURE",
  change: "intentional",
  since: "2026-01-01T00:00:00.000Z",
  details,
  attempts: 1,
  retryAfter: null,
  blockedOn: [],
  error: {
    reason: "Bug",
    message,
    during: "apply",
    step: { big: message },
    blame: "platform",
    next: message,
    retryable: true,
  },
});
export const statusOf = (generation: number, scores: AgentStatus["scores"] = {}, epoch = 1): AgentStatus => ({
  agentId: AGENT,
  generation,
  observedGeneration: generation,
  observedRevision: 1,
  epoch,
  conditions: [],
  scores,
  agent: { version: "0", bootId: "here", topology: "TestTopology" },
});

export function report({ maxPayload }: { readonly maxPayload?: number } = {}) {
  const server = new MemoryServer(maxPayload === undefined ? {} : { maxPayload });
  const store = new MemoryStore(server);
  const other = new MemoryStore(server);
  const clock = new FakeClock();
  const it = { status: statusOf(1), puts: [] as number[], fenced: [] as number[], logged: [] as string[] };
  const put = store.put.bind(store);
  store.put = (...given) => {
    it.puts.push(clock.monotonicMs());
    return put(...given);
  };
  const reporter = new Reporter({
    store,
    agentId: AGENT,
    clock,
    log: (message) => void it.logged.push(message),
    status: () => it.status,
    onFenced: (epoch) => void it.fenced.push(epoch),
  });
  onTestFinished(() => reporter.stop());
  const stored = async (): Promise<AgentStatus | null> => {
    const found = await other.get("actual-state", AGENT);
    if (found._tag !== "Value") return null;
    const read = readDocument(AgentStatus, found.value);
    if (read._tag === "Unreadable") throw new Error(read.message);
    return read.document;
  };
  const tell = async (generation: number, urgent = true): Promise<void> => {
    it.status = statusOf(generation);
    reporter.report(urgent);
    await settle();
  };
  const revision = async (): Promise<number> => {
    const found = await other.get("actual-state", AGENT);
    return found._tag === "Value" ? found.revision : 0;
  };
  return Object.assign(it, { server, store, other, clock, reporter, stored, tell, revision });
}
