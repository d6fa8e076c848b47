import * as fc from "fast-check";
import { format, FORMATS, RULES } from "harmony-edge/check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { anyReport, empty, lack, report, type } from "./reports.ts";

describe("text", () => {
  test("a line for each finding that editors can follow, and a sum", () => {
    expect(format(report, "text", "1.0.0")).toBe(
      `fleet/kiosk pi.ts:12:3: error: ${type.sentence}\n` +
        "fleet/kiosk pi.ts: error: web: K8sDeploymentScore requires K8sClient, which PiTopology lacks\n" +
        "other.ts:12:3: warning: no compiler\n" +
        "2 errors in 2 files, 2 Scores.\n",
    );
    expect(format(empty, "text", "1.0.0")).toBe("Nothing found in 2 files, 2 Scores.\n");
  });

  test("an agent's name is added where the sentence leaves it out", () => {
    const found = format({ files: [], findings: [{ ...lack, target: "agent pi-7" }] }, "text", "1.0.0");
    expect(found).toContain("which PiTopology lacks (agent pi-7)\n");
  });
});

test("json is one document with all of it", () => {
  expect(JSON.parse(format(report, "json", "1.0.0"))).toEqual({
    ok: false,
    files: report.files,
    findings: report.findings,
  });
  expect(JSON.parse(format(empty, "json", "1.0.0"))).toMatchObject({ ok: true, findings: [] });
});

describe("github", () => {
  test("workflow commands, with what a runner takes for syntax escaped", () => {
    expect(format(report, "github", "1.0.0").split("\n")).toEqual([
      "::error file=fleet/kiosk pi.ts,line=12,col=3,title=harmony check%3A TypeError::TS2322: Type 'A' is not assignable to type '\"B & C\"'.%0A  100%25 wrong",
      "::error file=fleet/kiosk pi.ts,title=harmony check%3A MissingCapability::web on PiTopology: K8sDeploymentScore requires K8sClient, which PiTopology lacks",
      "::warning file=other.ts,line=12,col=3,title=harmony check%3A NotTypeChecked::no compiler",
      "",
    ]);
    expect(format(empty, "github", "1.0.0")).toBe("");
  });

  test("names and sentences with the runner's own signs in them", () => {
    const odd = { ...type, file: "a,b:c%.ts", sentence: "one\r\ntwo: 100%" };
    expect(format({ files: [], findings: [odd] }, "github", "1.0.0")).toBe(
      "::error file=a%2Cb%3Ac%25.ts,line=12,col=3,title=harmony check%3A TypeError::one%0D%0Atwo: 100%25\n",
    );
  });

  test("each finding is one line, whatever is in it", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const lines = format(any, "github", "1.0.0").split(/\r\n|\r|\n/);
        expect(lines).toHaveLength(any.findings.length + 1);
        expect(lines.slice(0, -1).every((line) => /^::(error|warning) file=[^,:]+(,\w+=[^,:]+)*::/.test(line))).toBe(
          true,
        );
      }),
    );
  });
});

describe("sarif", () => {
  // What SARIF 2.1.0 asks of the parts that are used here.
  const Sarif = z.strictObject({
    $schema: z.url(),
    version: z.literal("2.1.0"),
    runs: z.tuple([
      z.strictObject({
        tool: z.strictObject({
          driver: z.strictObject({
            name: z.string().min(1),
            version: z.string(),
            rules: z.array(
              z.strictObject({
                id: z.string(),
                name: z.string(),
                shortDescription: z.strictObject({ text: z.string().min(1) }),
              }),
            ),
          }),
        }),
        columnKind: z.literal("utf16CodeUnits"),
        results: z.array(
          z.strictObject({
            ruleId: z.string(),
            ruleIndex: z.int().min(0),
            level: z.enum(["none", "note", "warning", "error"]),
            message: z.strictObject({ text: z.string() }),
            locations: z.tuple([
              z.strictObject({
                physicalLocation: z.strictObject({
                  artifactLocation: z.strictObject({ uri: z.string().regex(/^[A-Za-z0-9%_.~!*'()/:-]+$/) }),
                  region: z
                    .strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1).optional() })
                    .optional(),
                }),
                logicalLocations: z.array(z.strictObject({ name: z.string(), kind: z.string() })).optional(),
              }),
            ]),
            properties: z.record(z.string(), z.string().nullable()),
          }),
        ),
      }),
    ]),
  });

  test("has the shape that the standard asks for, and every result's rule is the one that it names", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const [run] = Sarif.parse(JSON.parse(format(any, "sarif", "1.0.0"))).runs;
        expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(RULES));
        expect(run.results.map(({ ruleId, ruleIndex }) => run.tool.driver.rules[ruleIndex]?.id === ruleId)).toEqual(
          any.findings.map(() => true),
        );
      }),
    );
  });

  test("tells where, and of which Score", () => {
    const [run] = Sarif.parse(JSON.parse(format(report, "sarif", "1.2.3"))).runs;
    expect(run.tool.driver.version).toBe("1.2.3");
    expect(run.results[0]?.locations[0]).toEqual({
      physicalLocation: { artifactLocation: { uri: "fleet/kiosk%20pi.ts" }, region: { startLine: 12, startColumn: 3 } },
    });
    expect(run.results[1]).toMatchObject({
      level: "error",
      locations: [{ logicalLocations: [{ name: "web" }] }],
      properties: { capability: "K8sClient" },
    });
  });
});

test("a finding in a file that was only imported is in every format", () => {
  const imported = { ...report, findings: [{ ...type, file: "lib/shared.ts" }] };
  for (const each of FORMATS) expect(format(imported, each, "1.0.0")).toContain("lib/shared.ts");
});

test("every format ends its output with a line feed, or writes nothing", () => {
  for (const each of FORMATS) {
    expect(format(report, each, "1.0.0")).toMatch(/\n$/);
    expect(format(empty, each, "1.0.0")).toMatch(/^$|\n$/);
  }
});
