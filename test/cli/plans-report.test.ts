import { describe, expect, test } from "vitest";
import { paint } from "../../src/cli/paint.ts";
import { plansReport } from "../../src/cli/plans-report.ts";
import { worstOf } from "../../src/cli/plan-many.ts";
import { type DevicePlan, groupPlans, type Plan } from "../../src/fleet/index.ts";
import { AgentId } from "../../src/wire/keys.ts";
import type { Downtime } from "../../src/wire/status.ts";

const id = (number: number): AgentId => AgentId.parse(`pi-${number}`);
const planned = (number: number, scores: Plan["scores"], generation = 1): DevicePlan => ({
  _tag: "Planned",
  agentId: id(number),
  plan: { _tag: "Plan", agentId: id(number), generation, scores },
  changes: [],
  texts: new Map(),
});
const took = (stopMs: number | null, startMs: number | null): Downtime => ({
  unit: "web.service",
  does: "restart",
  took: { stopMs, startMs },
});
const restart = (downtime: Downtime): Plan["scores"] => ({
  web: {
    would: "CHANGE",
    kind: "SystemdService",
    // What is seen is another thing at each look.
    observed: { since: String(Math.random()) },
    steps: [{ do: "restart", unit: "web.service" }],
    downtime: [downtime],
  },
});
const NOOP: Plan["scores"] = { web: { would: "NOOP", kind: "SystemdService", observed: null } };
const ERROR = {
  reason: "Obstructed",
  message: "A link stands there.",
  during: "plan",
  step: null,
  blame: "device",
  next: "Move it.",
  retryable: true,
} as const;
const FAIL: Plan["scores"] = { web: { would: "FAIL", kind: "SystemdService", error: ERROR } };
const refused = (number: number): DevicePlan => ({
  _tag: "NotPlanned",
  agentId: id(number),
  reason: "RefusedByAgent",
  message: `WrongAgent: it is not for ${id(number)}`,
});
const silent = (number: number): DevicePlan => ({
  _tag: "LastKnown",
  agentId: id(number),
  message: "not connected",
  known: {
    _tag: "LastKnown",
    agentId: id(number),
    generation: 1,
    heardAt: `2026-01-0${number}T00:00:00.000Z`,
    scores: { web: { would: "CHANGE", kind: "SystemdService", state: "Ready", change: null } },
  },
});
const unreached = (number: number): DevicePlan => ({
  _tag: "NotPlanned",
  agentId: id(number),
  reason: "NotReached",
  message: "denied",
});

describe("plans of many devices", () => {
  test("are told once where they are the same, with the span of what the last times took and of the generations", () => {
    const plans = [
      planned(1, restart(took(1000, 300))),
      planned(2, NOOP),
      planned(3, restart(took(1800, 250)), 4),
      planned(4, restart(took(null, 1)), 2),
    ];
    expect(plansReport(groupPlans(plans), paint(false))).toBe(
      `3 devices: pi-1, pi-3, pi-4, from generations 1 to 4: 1 to change
CHANGE web (SystemdService)
         restart {"unit":"web.service"}
         web.service: down about 1.3 to 2.1 s, as the last time; for how long is not known on 1 of 3

pi-2, from generation 1: nothing to do: all is as declared

4 devices: 3 would change, 1 has nothing to do
`,
    );
  });

  test("are told apart by what stands on the device, and by what a unit would be down for", () => {
    const standing = (text: string): Plan["scores"] => ({
      f: { would: "CHANGE", kind: "File", observed: null, steps: [], standing: { _tag: "Text", path: "/f", text } },
    });
    expect(groupPlans([planned(1, standing("a")), planned(2, standing("b")), planned(3, standing("a"))])).toHaveLength(
      2,
    );
    const start = { ...took(1, 1), does: "start" } as const;
    expect(groupPlans([planned(1, restart(took(1, 1))), planned(2, restart(start))])).toHaveLength(2);
  });

  test("come in the order of how much is known, and the sum names each sort", () => {
    const report = plansReport(
      groupPlans([refused(1), silent(2), silent(3), planned(4, FAIL), refused(5)]),
      paint(false),
    );
    expect(report.split("\n\n").map((group) => group.split("\n")[0])).toEqual([
      "pi-4, from generation 1: 1 that would fail",
      "2 devices: pi-2 (last heard of 2026-01-02T00:00:00.000Z), pi-3 (last heard of 2026-01-03T00:00:00.000Z): do not answer. By what they told last, and not by a look:",
      "2 devices: pi-1, pi-5: no plan: RefusedByAgent",
      "5 devices: 3 would fail or refuse something, 2 do not answer",
    ]);
  });

  test("names no more than twenty of a group", () => {
    const many = Array.from({ length: 23 }, (_, at) => planned(at, NOOP));
    expect(plansReport(groupPlans(many), paint(false))).toContain("pi-19 and 3 more, from generation 1");
  });

  test.each([
    ["all is well", [planned(1, NOOP), planned(2, restart(took(1, 1)))], 0],
    ["one is silent", [planned(1, NOOP), silent(2)], 4],
    ["one is not reached", [planned(1, NOOP), unreached(2)], 4],
    ["one would fail, and another is silent", [silent(1), planned(2, FAIL)], 1],
    ["one refuses, and another is silent", [refused(1), silent(2)], 1],
    ["there are none", [], 0],
  ] as const)("end with the worst: %s", (_, plans, code) => {
    expect(worstOf(plans)).toBe(code);
  });
});
