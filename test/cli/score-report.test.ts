import { expect, test } from "vitest";
import { paint } from "../../src/cli/paint.ts";
import { failureReport, rolledBackReport, whatOf } from "../../src/cli/score-report.ts";
import type { ScoreStatus } from "../../src/wire/status.ts";
import { agentStatus, AT, failing, scoreStatus } from "../fleet/scripted-agent.ts";

const corrective: Partial<ScoreStatus> = { change: "corrective" };

test.each<readonly [ScoreStatus, string]>([
  [scoreStatus("Ready", corrective), "was repaired"],
  [scoreStatus("Ready", { ...corrective, repairs: 1 }), "was repaired"],
  [scoreStatus("Ready", { ...corrective, repairs: 7 }), "was repaired 7 times"],
  [
    scoreStatus("Ready", { ...corrective, repairs: 7, contested: { inARow: 4, since: AT, last: AT } }),
    "repaired 4 times in a row: somebody undoes it",
  ],
  [scoreStatus("Drifted", { wouldDo: [{}] }), "differs by one step, and that is only to be told"],
  [scoreStatus("Drifted", { wouldDo: [{}, {}] }), "differs by 2 steps, and that is only to be told"],
  // As an agent tells it whose status was too large for more.
  [scoreStatus("Drifted"), "differs, and that is only to be told"],
])("%j is told in one phrase: %s", (status, phrase) => expect(whatOf(status)).toBe(phrase));

test("a content that failed for good is said not to be tried again", () => {
  const bad = { ...failing("Failed"), knownBad: true as const };
  const told = failureReport(agentStatus({ scores: { a: bad } }), paint(false), new Date(AT));
  expect(told).toContain("a (File) is Failed, not tried again until its content changes\n");
});

test("a manifest that was taken back is told with each cause, and with what only waited", () => {
  const scores = {
    a: { state: "Failed" as const, error: failing("Failed").error, blockedOn: [] },
    b: { state: "Blocked" as const, error: null, blockedOn: ["a"] },
  };
  const told = (to: number | null): string =>
    rolledBackReport(
      agentStatus({
        rolledBack: { generation: 7, to, why: "NotReadyInTime", at: AT, scores },
      }),
      paint(false),
    );
  expect(told(6)).toBe(
    [
      "generation 7 failed, and generation 6 is in force; what failed in it:",
      "  a was Failed: PortFailed: the disk is full",
      "    to do: Free some space.",
      "  b was Blocked, and waited for a",
      "",
    ].join("\n"),
  );
  expect(told(null)).toContain("generation 7 failed, and there was none to go back to");
  expect(rolledBackReport(agentStatus({}), paint(false))).toBe("");
});
