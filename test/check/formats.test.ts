import published from "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json" with { type: "json" };
import { Ajv } from "ajv";
import * as fc from "fast-check";
import { format, FORMATS, NEXT, RULES } from "harmony-edge/check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { anyReport, empty, lack, report, type } from "./reports.ts";

describe("text", () => {
  test("a line for each finding that editors can follow, and a sum", () => {
    expect(format(report, "text", "1.0.0")).toBe(
      `fleet/kiosk pi.ts:12:3: error: ${type.sentence}\n` +
        `  TypeError: ${NEXT.TypeError}\n` +
        "fleet/kiosk pi.ts: error: web: K8sDeploymentScore requires K8sClient, which PiTopology lacks\n" +
        `  MissingCapability: ${NEXT.MissingCapability}\n` +
        "other.ts:12:3: warning: no compiler\n" +
        `  NotTypeChecked: ${NEXT.NotTypeChecked}\n` +
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
    findings: report.findings.map((finding) => ({ ...finding, next: NEXT[finding.rule] })),
  });
  expect(JSON.parse(format(empty, "json", "1.0.0"))).toMatchObject({ ok: true, findings: [] });
});

describe("github", () => {
  test("workflow commands, with what a runner takes for syntax escaped", () => {
    expect(format(report, "github", "1.0.0").split("\n")).toEqual([
      "::error file=fleet/kiosk pi.ts,line=12,col=3,title=harmony check%3A TypeError::TS2322: Type 'A' is not assignable to type '\"B & C\"'.%0A  100%25 wrong%0A" +
        NEXT.TypeError,
      "::error file=fleet/kiosk pi.ts,title=harmony check%3A MissingCapability::web on PiTopology: K8sDeploymentScore requires K8sClient, which PiTopology lacks%0A" +
        NEXT.MissingCapability,
      "::warning file=other.ts,line=12,col=3,title=harmony check%3A NotTypeChecked::no compiler%0A" +
        NEXT.NotTypeChecked,
      "",
    ]);
    expect(format(empty, "github", "1.0.0")).toBe("");
  });

  test("names and sentences with the runner's own signs in them", () => {
    const odd = { ...type, file: "a,b:c%.ts", sentence: "one\r\ntwo: 100%" };
    expect(format({ files: [], findings: [odd] }, "github", "1.0.0")).toBe(
      "::error file=a%2Cb%3Ac%25.ts,line=12,col=3,title=harmony check%3A TypeError::one%0D%0Atwo: 100%25%0A" +
        `${NEXT.TypeError}\n`,
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

/** Of the schema of SARIF 2.1.0 that its makers publish; it is of a draft whose `id` and `$schema` are not known any more. */
function sarifValidator() {
  const { $schema: draft, id, ...schema } = published;
  expect([draft, id]).toEqual([expect.stringContaining("draft-04"), expect.stringContaining("sarif-2.1.0")]);
  const formats = {
    uri: (text: string) => URL.canParse(text),
    "uri-reference": /^[A-Za-z0-9%_.~!*'()/:#?&=-]*$/,
    "date-time": true,
  } as const;
  return new Ajv({ strict: false, allErrors: true, unicodeRegExp: false, formats }).compile(schema);
}

describe("sarif", () => {
  const Sarif = z.looseObject({
    runs: z.tuple([
      z.looseObject({
        tool: z.looseObject({
          driver: z.looseObject({ version: z.string(), rules: z.array(z.looseObject({ id: z.string() })) }),
        }),
        results: z.array(z.looseObject({ ruleId: z.string(), ruleIndex: z.int(), locations: z.array(z.unknown()) })),
      }),
    ]),
  });
  const validate = sarifValidator();

  test("is valid by the published schema, and every result's rule is the one that it names", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const log: unknown = JSON.parse(format(any, "sarif", "1.0.0"));
        expect(validate(log) ? [] : validate.errors).toEqual([]);
        const [run] = Sarif.parse(log).runs;
        expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(RULES));
        expect(run.results.map(({ ruleId, ruleIndex }) => run.tool.driver.rules[ruleIndex]?.id === ruleId)).toEqual(
          any.findings.map(() => true),
        );
      }),
    );
    expect(validate({ version: "2.1.0", runs: [{ tool: { driver: {} } }] })).toBe(false);
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
