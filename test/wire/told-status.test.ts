import { expect, test } from "vitest";
import { AgentStatus, readDocument, writeDocument } from "../../src/wire/status.ts";
import { ToldStatus } from "../../src/wire/told-status.ts";
import { agentReport } from "../../src/cli/agent-report.ts";
import { paint } from "../../src/cli/paint.ts";
import { agentStatus, AT, PI } from "../fleet/scripted-agent.ts";

const known = agentStatus({ generation: 1, observedGeneration: 1 });
const later = { type: "Moonstruck", status: "True", reason: "FullMoon", message: "it is bright", since: AT };
const bytes = Buffer.from(JSON.stringify({ ...known, conditions: [...known.conditions, later] }));

test("a status with a condition that only a newer agent knows is read, and the condition handed on as it is", () => {
  const read = readDocument(ToldStatus, bytes);
  expect(read).toMatchObject({ _tag: "Read", document: { conditions: [...known.conditions, later] } });
});

test("is shown with it", () => {
  const read = readDocument(ToldStatus, bytes);
  if (read._tag === "Unreadable") throw new Error(read.message);
  const status = { _tag: "Known", status: read.document, stored: null } as const;
  const liveness = { freshness: "fresh", silentMs: 0 } as const;
  const view = { _tag: "View", agentId: PI, status, heartbeat: null, liveness } as const;
  expect(agentReport(view, null, paint(false), new Date(AT))).toContain("Moonstruck: True (FullMoon) it is bright");
});

test("what an agent writes is held to what this version knows", () => {
  expect(readDocument(AgentStatus, bytes)._tag).toBe("Unreadable");
  expect(readDocument(AgentStatus, writeDocument(known))._tag).toBe("Read");
});

test("what is no condition at all is not read as one", () => {
  const bad = Buffer.from(JSON.stringify({ ...known, conditions: [{ ...later, status: "Maybe" }] }));
  expect(readDocument(ToldStatus, bad)._tag).toBe("Unreadable");
});
