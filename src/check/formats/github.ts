import { type Finding, NEXT, type Report } from "../finding.ts";

/** Workflow commands, which GitHub Actions shows at the line they name. Nothing where there is nothing to tell. */
export const formatGithub = ({ findings }: Report): string =>
  findings.map((finding) => `${command(finding)}\n`).join("");

function command({ severity, file, line, column, scoreId, target, rule, sentence }: Finding): string {
  const properties = [
    `file=${property(file)}`,
    ...(line === undefined ? [] : [`line=${line}`]),
    ...(column === undefined ? [] : [`col=${column}`]),
    `title=${property(`harmony check: ${rule}`)}`,
  ];
  const who = [scoreId, target].filter((part) => part !== null).join(" on ");
  const told = `${who === "" ? "" : `${who}: `}${sentence}\n${NEXT[rule]}`;
  return `::${severity} ${properties.join(",")}::${data(told)}`;
}

/** A runner reads these three as its own syntax; everything else may stand in a message as it is. */
const data = (text: string): string => text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A");

const property = (text: string): string => data(text).replaceAll(":", "%3A").replaceAll(",", "%2C");
