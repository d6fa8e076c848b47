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
    const shown = root.children.map((suite) => [
      suite.attributes["name"],
      suite.children.map((each) => [each.attributes["name"], each.children.map(({ name }) => name)]),
    ]);
    expect(shown).toEqual([
      [
        "fleet/kiosk pi.ts",
        [
          ["the file", ["failure"]],
          ["motd (File)", []],
          ["web (K8sDeployment)", ["failure"]],
        ],
      ],
      ["other.ts", [["the file", ["system-err"]]]],
    ]);
    expect(root.children[0]?.children[2]?.children[0]?.attributes).toEqual({
      type: "MissingCapability",
      message: lack.sentence,
    });
  });
});
