import { readFileSync } from "node:fs";
import * as z from "zod";
import { agentReport, agentsTable, asJson } from "../../src/cli/agent-report.ts";
import { reportApply } from "../../src/cli/apply-report.ts";
import type { Io } from "../../src/cli/io.ts";
import { paint } from "../../src/cli/paint.ts";
import { planReport } from "../../src/cli/plan-report.ts";
import { openSession, printJson } from "../../src/cli/session.ts";
import { status as readStatus } from "../../src/fleet/view.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import { AgentId } from "../../src/wire/keys.ts";
import { MemoryStore } from "../../src/wire/memory-store.ts";
import { CapabilitiesDocument, PlanReply, readDocument } from "../../src/wire/status.ts";
import { BUCKETS } from "../../src/wire/store.ts";
import { promise, type Target } from "../target.ts";

const GOLDEN = "test/wire/golden";
const PARTS = ["status", "heartbeat", "capabilities", "plan"] as const;
const Input = z.object({ status: z.string(), heartbeat: z.string(), capabilities: z.string(), plan: z.string() });
const agentId = AgentId.parse("pi-7");
/** Longer is no sentence. */
const MESSAGE_LIMIT = 4 * 1024 * 1024;

/** What control planes and the command line read: documents that somebody wrote in an agent's name. */
export function open(): Target {
  const golden = (name: string): string => readFileSync(`${GOLDEN}/${name}.json`, "utf8");
  const base = {
    status: golden("status"),
    heartbeat: golden("heartbeat"),
    capabilities: golden("capabilities"),
    plan: golden("plan"),
  };
  const seeds = [
    base,
    { ...base, status: golden("status-policies"), plan: golden("plan-policies") },
    { ...base, status: golden("status-rolled-back"), plan: golden("plan-refused") },
    { ...base, status: "", heartbeat: "", plan: "null" },
  ];
  return { seeds: seeds.map((seed) => Buffer.from(JSON.stringify(seed))), run };
}

async function run(input: Uint8Array): Promise<void> {
  const parts = partsOf(input);
  const store = new MemoryStore();
  await store.ensureBuckets();
  const bytes = Object.fromEntries(PARTS.map((part) => [part, Buffer.from(parts[part], "utf8")]));
  for (const bucket of BUCKETS) {
    const value =
      bytes[
        { "desired-state": "plan", "actual-state": "status", heartbeat: "heartbeat", capabilities: "capabilities" }[
          bucket
        ]
      ];
    if (value !== undefined) await store.put(bucket, agentId, value);
  }
  const view = await readStatus({ store, clock: new FakeClock() }, agentId);
  promise(view._tag === "View", "documents of whatever sort leave a view of the agent");
  const out: string[] = [];
  const session = openSession(terminal(out), {});
  if (view.status._tag === "Unreadable") {
    promise(view.status.message.length < MESSAGE_LIMIT, "what cannot be read is told in bounds");
    session.complain(`the status of ${agentId} cannot be read: ${view.status.message}`);
  }
  if (view.status._tag === "Known") {
    printJson(session, view.status.stored);
    printJson({ ...session, jsonLines: true }, asJson(view));
    for (const json of [true, false]) {
      const { status } = view.status;
      reportApply({ ...session, json }, { _tag: "Converged", generation: 7, revision: 1, status }, agentId);
    }
  }
  out.push(agentsTable([view, view], paint(false)), agentReport(view, 8, paint(false), new Date(0)));
  const plan = readDocument(PlanReply, bytes["plan"] ?? Buffer.alloc(0));
  if (plan._tag === "Read" && plan.document._tag === "Plan") out.push(planReport(plan.document, paint(false)));
  else if (plan._tag === "Unreadable") session.complain(plan.message);
  const capabilities = readDocument(CapabilitiesDocument, bytes["capabilities"] ?? Buffer.alloc(0));
  if (capabilities._tag === "Unreadable") session.complain(capabilities.message);
  for (const text of out) {
    const found = CONTROL.exec(text);
    promise(
      found === null,
      `no document reaches a terminal as a control character: ${JSON.stringify(found?.[0])} in ${JSON.stringify(text.slice(Math.max(0, (found?.index ?? 0) - 40), (found?.index ?? 0) + 20))}`,
    );
  }
}

/** All that a terminal obeys, but line feeds and tabs. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

function partsOf(input: Uint8Array): z.infer<typeof Input> {
  const text = Buffer.from(input).toString();
  try {
    const read = z.safeParse(Input, JSON.parse(text));
    if (read.success) return read.data;
  } catch {
    // It is taken as each of the documents.
  }
  return { status: text, heartbeat: text, capabilities: text, plan: text };
}

const terminal = (out: string[]): Io => ({
  out: (text) => void out.push(text),
  err: (text) => void out.push(text),
  outIsTerminal: false,
  errIsTerminal: false,
  input: async () => Buffer.of(),
  ask: null,
  env: {},
  cwd: "/",
  signal: new AbortController().signal,
});
