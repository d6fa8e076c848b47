import * as fc from "fast-check";
import { type Finding, format, FORMATS, type Report, RULES } from "harmony-edge/check";
import { describe, expect, test } from "vitest";
import * as z from "zod";

const lack: Finding = {
  rule: "MissingCapability",
  severity: "error",
  file: "fleet/kiosk pi.ts",
  scoreId: "web",
  kind: "K8sDeployment",
  capability: "K8sClient",
  target: "PiTopology",
  sentence: "K8sDeploymentScore requires K8sClient, which PiTopology lacks",
};
const type: Finding = {
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
const warning: Finding = { ...type, rule: "NotTypeChecked", severity: "warning", file: "other.ts", sentence: "no compiler" };
const report: Report = {
  files: [
    { file: "fleet/kiosk pi.ts", scores: [{ id: "motd", kind: "File" }, { id: "web", kind: "K8sDeployment" }], targets: ["PiTopology"] },
    { file: "other.ts", scores: [], targets: ["PiTopology"] },
  ],
  findings: [type, lack, warning],
};
const empty: Report = { files: report.files, findings: [] };

const text = fc.string({ unit: "grapheme", maxLength: 20 });
const anyFinding: fc.Arbitrary<Finding> = fc.record({
  rule: fc.constantFrom(...(["MissingCapability", "UnknownKind", "UnsupportedVersion", "TypeError", "NotTypeChecked", "CannotLoad"] as const)),
  severity: fc.constantFrom("error" as const, "warning" as const),
  file: fc.constantFrom("a.ts", "b<&>\".ts", "/x/c.ts"),
  scoreId: fc.option(fc.constantFrom("s", "t")),
  kind: fc.option(text),
  capability: fc.option(text),
  target: fc.option(text),
  sentence: fc.string({ unit: "binary", maxLength: 40 }),
});
const anyReport: fc.Arbitrary<Report> = fc.array(anyFinding, { maxLength: 6 }).map((findings) => ({
  files: ["a.ts", "b<&>\".ts", "/x/c.ts"].map((file) => ({ file, scores: [{ id: "s", kind: "File" }, { id: "t", kind: "File" }], targets: [] })),
  findings,
}));

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
  expect(JSON.parse(format(report, "json", "1.0.0"))).toEqual({ ok: false, files: report.files, findings: report.findings });
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

  test("each finding is one line, whatever is in it", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const lines = format(any, "github", "1.0.0").split(/\r\n|\r|\n/);
        expect(lines).toHaveLength(any.findings.length + 1);
        expect(lines.slice(0, -1).every((line) => /^::(error|warning) file=[^,:]+(,\w+=[^,:]+)*::/.test(line))).toBe(true);
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
            rules: z.array(z.strictObject({ id: z.string(), name: z.string(), shortDescription: z.strictObject({ text: z.string().min(1) }) })),
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
                  region: z.strictObject({ startLine: z.int().min(1), startColumn: z.int().min(1).optional() }).optional(),
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
        expect(run.results.map(({ ruleId, ruleIndex }) => run.tool.driver.rules[ruleIndex]?.id === ruleId)).toEqual(any.findings.map(() => true));
      }),
    );
  });

  test("tells where, and of which Score", () => {
    const [run] = Sarif.parse(JSON.parse(format(report, "sarif", "1.2.3"))).runs;
    expect(run.tool.driver.version).toBe("1.2.3");
    expect(run.results[0]?.locations[0]).toEqual({
      physicalLocation: { artifactLocation: { uri: "fleet/kiosk%20pi.ts" }, region: { startLine: 12, startColumn: 3 } },
    });
    expect(run.results[1]).toMatchObject({ level: "error", locations: [{ logicalLocations: [{ name: "web" }] }], properties: { capability: "K8sClient" } });
  });
});

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const unescape = (escaped: string): string => {
  // oxlint-disable-next-line no-control-regex
  if (/&(?!(amp|lt|gt|quot);)|[<\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(escaped)) throw new Error(`not XML text: ${escaped}`);
  return escaped.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&amp;", "&");
};

/** As strict as XML for what may come: tags that match, attributes in double quotes, no bare `<` or `&`, no control characters. */
function parse(xml: string): Element {
  const top: Element = { name: "", attributes: {}, children: [], text: "" };
  const open = [top];
  const [declaration = "", ...tokens] = xml.split(/(?=<)|(?<=>)/);
  if (declaration !== '<?xml version="1.0" encoding="UTF-8"?>') throw new Error(`not a declaration: ${declaration}`);
  for (const token of tokens) {
    const here = open.at(-1) ?? top;
    const [, close, name = "", attributes = "", alone] = /^<(\/?)([\w-]+)((?: \w+="[^"<]*")*)(\/?)>$/.exec(token) ?? [];
    if (name === "") {
      here.text += unescape(token);
    } else if (close === "/") {
      if (here.name !== name) throw new Error(`</${name}> closes <${here.name}>`);
      open.pop();
    } else {
      const read = [...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(([, key = "", value = ""]) => [key, unescape(value)] as const);
      const element: Element = { name, attributes: Object.fromEntries(read), children: [], text: "" };
      here.children.push(element);
      if (alone !== "/") open.push(element);
    }
  }
  if (open.length !== 1) throw new Error("a tag is not closed");
  const [root] = top.children;
  if (root === undefined || top.children.length !== 1) throw new Error("not one root");
  return root;
}

describe("junit", () => {
  test("is well-formed XML, and its counts are those of its cases", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const root = parse(format(any, "junit", "1.0.0"));
        const cases = root.children.flatMap((suite) => suite.children);
        const failing = cases.filter((each) => each.children.some(({ name }) => name === "failure"));
        expect(root.name).toBe("testsuites");
        expect(root.attributes["tests"]).toBe(String(cases.length));
        expect(root.attributes["failures"]).toBe(String(failing.length));
        const errors = any.findings.filter(({ severity }) => severity === "error");
        expect(failing).toHaveLength(new Set(errors.map(({ file, scoreId }) => `${file} ${scoreId}`)).size);
        for (const suite of root.children) {
          expect(suite.name).toBe("testsuite");
          expect(suite.attributes["tests"]).toBe(String(suite.children.length));
        }
      }),
    );
  });

  test("a case for each Score, so that what is well shows too", () => {
    const root = parse(format(report, "junit", "1.0.0"));
    const shown = root.children.map((suite) => [suite.attributes["name"], suite.children.map((each) => [each.attributes["name"], each.children.map(({ name }) => name)])]);
    expect(shown).toEqual([
      ["fleet/kiosk pi.ts", [["the file", ["failure"]], ["motd (File)", []], ["web (K8sDeployment)", ["failure"]]]],
      ["other.ts", [["the file", ["system-err"]]]],
    ]);
    expect(root.children[0]?.children[2]?.children[0]?.attributes).toEqual({ type: "MissingCapability", message: lack.sentence });
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
