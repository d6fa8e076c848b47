import { expect, test } from "vitest";
import { paint } from "../../src/cli/paint.ts";
import { failureReport, whatOf } from "../../src/cli/score-report.ts";
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
