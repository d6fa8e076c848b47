import { type Finding, NEXT, type Report, type Rule, RULES } from "../finding.ts";

/** SARIF 2.1.0, as code-scanning services take it. `version` is that of the tool. */
export function formatSarif({ findings }: Report, version: string): string {
  const ids = Object.keys(RULES).filter(isRule);
  const rules = ids.map((id) => ({
    id,
    name: id,
    shortDescription: { text: RULES[id] },
    help: { text: NEXT[id] },
  }));
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "harmony", version, rules } },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => result(finding, ids.indexOf(finding.rule))),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

const isRule = (id: string): id is Rule => Object.hasOwn(RULES, id);

function result(finding: Finding, ruleIndex: number): object {
  const { rule, severity, file, line, column, scoreId, kind, target, devices, capability, sentence } = finding;
  const region =
    line === undefined ? {} : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } };
  const logical = scoreId === null ? {} : { logicalLocations: [{ name: scoreId, kind: "resource" }] };
  return {
    ruleId: rule,
    ruleIndex,
    level: severity,
    message: { text: `${scoreId === null ? "" : `${scoreId}: `}${sentence}\n${NEXT[rule]}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region }, ...logical }],
    properties: { scoreId, kind, target, capability, ...(devices !== undefined && { devices }) },
  };
}

/** Relative references stay relative, so that the service finds them in the repository. */
const uriOf = (file: string): string => {
  const escaped = file.split("/").map(encodeURIComponent).join("/");
  return file.startsWith("/") ? `file://${escaped}` : escaped;
};
