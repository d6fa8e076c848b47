import * as fc from "fast-check";
import type { Finding, Report } from "harmony-edge/check";

export const lack: Finding = {
  rule: "MissingCapability",
  severity: "error",
  file: "fleet/kiosk pi.ts",
  scoreId: "web",
  kind: "K8sDeployment",
  capability: "K8sClient",
  target: "PiTopology",
  sentence: "K8sDeploymentScore requires K8sClient, which PiTopology lacks",
};
export const type: Finding = {
  rule: "TypeError",
  severity: "error",
  file: "fleet/kiosk pi.ts",
  line: 12,
  column: 3,
  scoreId: null,
  kind: null,
  capability: null,
  target: null,
  sentence: "TS2322: Type 'A' is not assignable to type '\"B & C\"'.\n  100% wrong",
};
export const warning: Finding = {
  ...type,
  rule: "NotTypeChecked",
  severity: "warning",
  file: "other.ts",
  sentence: "no compiler",
};
export const report: Report = {
  files: [
    {
      file: "fleet/kiosk pi.ts",
      scores: [
        { id: "motd", kind: "File" },
        { id: "web", kind: "K8sDeployment" },
      ],
      targets: ["PiTopology"],
    },
    { file: "other.ts", scores: [], targets: ["PiTopology"] },
  ],
  findings: [type, lack, warning],
};
export const empty: Report = { files: report.files, findings: [] };

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const anyFinding: fc.Arbitrary<Finding> = fc.record({
  rule: fc.constantFrom(
    ...([
      "MissingCapability",
      "UnknownKind",
      "UnsupportedVersion",
      "TypeError",
      "NotTypeChecked",
      "CannotLoad",
    ] as const),
  ),
  severity: fc.constantFrom("error" as const, "warning" as const),
  file: fc.constantFrom("a.ts", 'b<&>".ts', "/x/c.ts"),
  scoreId: fc.option(fc.constantFrom("s", "t")),
  kind: fc.option(text),
  capability: fc.option(text),
  target: fc.option(text),
  sentence: fc.string({ unit: "binary", maxLength: 40 }),
});
export const anyReport: fc.Arbitrary<Report> = fc.array(anyFinding, { maxLength: 6 }).map((findings) => ({
  files: ["a.ts", 'b<&>".ts', "/x/c.ts"].map((file) => ({
    file,
    scores: [
      { id: "s", kind: "File" },
      { id: "t", kind: "File" },
    ],
    targets: [],
  })),
  findings,
}));
