import { type Finding, type Report, RULES } from "../finding.ts";

/** SARIF 2.1.0, as code-scanning services take it. `version` is that of the tool. */
export function formatSarif({ findings }: Report, version: string): string {
  const ids: readonly string[] = Object.keys(RULES);
  const rules = Object.entries(RULES).map(([id, text]) => ({ id, name: id, shortDescription: { text } }));
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

function result(finding: Finding, ruleIndex: number): object {
  const { rule, severity, file, line, column, scoreId, kind, target, capability, sentence } = finding;
  const region =
    line === undefined ? {} : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } };
  const logical = scoreId === null ? {} : { logicalLocations: [{ name: scoreId, kind: "resource" }] };
  return {
    ruleId: rule,
    ruleIndex,
    level: severity,
    message: { text: scoreId === null ? sentence : `${scoreId}: ${sentence}` },
    locations: [{ physicalLocation: { artifactLocation: { uri: uriOf(file) }, ...region }, ...logical }],
    properties: { scoreId, kind, target, capability },
  };
}

/** Relative references stay relative, so that the service finds them in the repository. */
const uriOf = (file: string): string => {
  const escaped = file.split("/").map(encodeURIComponent).join("/");
  return file.startsWith("/") ? `file://${escaped}` : escaped;
};
