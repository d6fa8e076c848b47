import * as fc from "fast-check";
import { format } from "harmony-edge/check";
import { describe, expect, test } from "vitest";
import { anyReport, lack, report } from "./reports.ts";

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const unescape = (escaped: string): string => {
  // oxlint-disable-next-line no-control-regex
  if (/&(?!(amp|lt|gt|quot);)|[<\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(escaped)) {
    throw new Error(`not XML text: ${escaped}`);
  }
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
      const read = [...attributes.matchAll(/(\w+)="([^"]*)"/g)].map(
        ([, key = "", value = ""]) => [key, unescape(value)] as const,
      );
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

/** Of an element: its attributes, each with what its value may be and whether it is needed, and its children in their order. */
interface Rule {
  readonly attributes: Readonly<Record<string, readonly [value: RegExp, needed: boolean]>>;
  readonly children: RegExp;
}
const SOME = /^[\s\S]*\S[\s\S]*$/;
const INT = /^\d+$/;
const DECIMAL = /^\d+(\.\d+)?$/;
const problem: Rule = { attributes: { message: [/^[\s\S]*$/, false], type: [/^[\s\S]*$/, true] }, children: /^$/ };
/**
 * What the published schema of this format asks for (`JUnit.xsd` for Ant's JUnitReport, by Windy Road Technology), told again:
 * with no validator of XML Schema at hand, each of its rules is one here. It is the strictest one there is; others leave things out.
 */
const SCHEMA: Readonly<Record<string, Rule>> = {
  testsuites: { attributes: {}, children: /^(testsuite )*$/ },
  testsuite: {
    attributes: {
      package: [/^[\s\S]*$/, true],
      id: [INT, true],
      name: [SOME, true],
      timestamp: [/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$/, true],
      hostname: [SOME, true],
      tests: [INT, true],
      failures: [INT, true],
      errors: [INT, true],
      skipped: [INT, false],
      time: [DECIMAL, true],
    },
    children: /^properties (testcase )*system-out system-err $/,
  },
  properties: { attributes: {}, children: /^(property )*$/ },
  testcase: {
    attributes: { name: [/^[\s\S]*$/, true], classname: [/^[\s\S]*$/, true], time: [DECIMAL, true] },
    children: /^((skipped|error|failure) )?$/,
  },
  failure: problem,
  error: problem,
  "system-out": { attributes: {}, children: /^$/ },
  "system-err": { attributes: {}, children: /^$/ },
};

function faults({ name, attributes, children }: Element): readonly string[] {
  const rule = SCHEMA[name];
  if (rule === undefined) return [`there is no ${name}`];
  return [
    ...Object.keys(attributes)
      .filter((key) => rule.attributes[key] === undefined)
      .map((key) => `${name} has no ${key}`),
    ...Object.entries(rule.attributes).flatMap(([key, [value, needed]]) =>
      (attributes[key] === undefined ? !needed : value.test(attributes[key])) ? [] : [`${name}: ${key}`],
    ),
    ...(rule.children.test(children.map((child) => `${child.name} `).join("")) ? [] : [`the children of ${name}`]),
    ...children.flatMap(faults),
  ];
}

describe("junit", () => {
  test("is as the published schema says", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        expect(faults(parse(format({ ...any, at: "2026-12-01T10:00:00.000Z" }, "junit", "1.0.0")))).toEqual([]);
      }),
    );
    const wrong =
      '<?xml version="1.0" encoding="UTF-8"?><testsuites tests="1"><testsuite name=""></testsuite></testsuites>';
    expect(faults(parse(wrong))).toEqual(
      expect.arrayContaining([
        "testsuites has no tests",
        "testsuite: name",
        "testsuite: time",
        "the children of testsuite",
      ]),
    );
  });

  test("is well-formed XML, and its counts are those of its cases", () => {
    fc.assert(
      fc.property(anyReport, (any) => {
        const root = parse(format(any, "junit", "1.0.0"));
        const casesOf = (suite: Element): readonly Element[] =>
          suite.children.filter(({ name }) => name === "testcase");
        const cases = root.children.flatMap(casesOf);
        const failing = cases.filter((each) => each.children.some(({ name }) => name === "failure"));
        expect(root.name).toBe("testsuites");
        const errors = any.findings.filter(({ severity }) => severity === "error");
        expect(failing).toHaveLength(new Set(errors.map(({ file, scoreId }) => `${file} ${scoreId}`)).size);
        for (const suite of root.children) {
          expect(suite.name).toBe("testsuite");
          expect(suite.attributes["tests"]).toBe(String(casesOf(suite).length));
          const ofSuite = casesOf(suite).filter((each) => failing.includes(each)).length;
          expect(suite.attributes["failures"]).toBe(String(ofSuite));
        }
      }),
    );
  });

  test("a case for each Score, so that what is well shows too", () => {
    const root = parse(format(report, "junit", "1.0.0"));
    const shown = root.children.map((suite) => [
      suite.attributes["name"],
      suite.children
        .filter(({ name }) => name === "testcase")
        .map((each) => [each.attributes["name"], each.children.map(({ name }) => name)]),
      suite.children.at(-1)?.text,
    ]);
    expect(shown).toEqual([
      [
        "fleet/kiosk pi.ts",
        [
          ["the file", ["failure"]],
          ["motd (File)", []],
          ["web (K8sDeployment)", ["failure"]],
        ],
        "",
      ],
      ["other.ts", [["the file", []]], expect.stringMatching(/^other.ts:12:3: no compiler\n {2}Install/)],
    ]);
    expect(root.children[0]?.children[3]?.children[0]?.attributes).toEqual({
      type: "MissingCapability",
      message: lack.sentence,
    });
  });
});
