import { type Finding, NEXT, type Report } from "../finding.ts";

/**
 * `FILE:LINE:COLUMN: error: SCORE: sentence`, which editors and terminals make a link of, and beneath it what to do; then one
 * line that sums up.
 */
export function formatText(report: Report): string {
  const { files, findings } = report;
  const errors = findings.filter(({ severity }) => severity === "error").length;
  const scores = files.reduce((sum, file) => sum + file.scores.length, 0);
  const looked = `${count(files.length, "file")}, ${count(scores, "Score")}`;
  const verdict = errors === 0 ? `Nothing found in ${looked}.` : `${count(errors, "error")} in ${looked}.`;
  return [...findings.map(line), verdict].map((each) => `${each}\n`).join("");
}

function line({ rule, file, line: row, column, severity, scoreId, target, devices, sentence }: Finding): string {
  const place = [file, row, column].filter((part) => part !== undefined).join(":");
  // A topology's name is in the sentence; an agent's is not.
  const isAgent = target?.startsWith("agent ") === true || devices !== undefined;
  const whose = isAgent && !sentence.includes(target ?? "") ? ` (${target})` : "";
  return `${place}: ${severity}: ${scoreId === null ? "" : `${scoreId}: `}${sentence}${whose}\n  ${rule}: ${NEXT[rule]}`;
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`;
