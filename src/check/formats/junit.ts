import type { CheckedFile, Finding, Report } from "../finding.ts";

/** One test suite a file, one test case a Score, and one more for what is about the file itself. */
export function formatJunit({ files, findings }: Report): string {
  const known = new Set(files.map(({ file }) => file));
  // What a checked file imports can be wrong too.
  const imported = new Set(findings.map(({ file }) => file).filter((file) => !known.has(file)));
  const all = [...files, ...Array.from(imported, (file): CheckedFile => ({ file, scores: [], targets: [] }))];
  const suites = all.map((file) =>
    suite(
      file,
      findings.filter((finding) => finding.file === file.file),
    ),
  );
  const total = { tests: sum(suites, "tests"), failures: sum(suites, "failures") };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="harmony check" tests="${total.tests}" failures="${total.failures}" errors="0">`,
    ...suites.map(({ xml }) => xml),
    "</testsuites>",
    "",
  ].join("\n");
}

interface Suite {
  readonly tests: number;
  readonly failures: number;
  readonly xml: string;
}

function suite({ file, scores }: CheckedFile, findings: readonly Finding[]): Suite {
  const cases = [
    { name: "the file", findings: findings.filter(({ scoreId }) => scoreId === null) },
    ...scores.map(({ id, kind }) => ({
      name: `${id} (${kind})`,
      findings: findings.filter(({ scoreId }) => scoreId === id),
    })),
  ];
  const failures = cases.filter((each) => each.findings.some(isError)).length;
  const lines = cases.map((each) => testCase(file, each.name, each.findings));
  const open = `  <testsuite name="${escape(file)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">`;
  return { tests: cases.length, failures, xml: [open, ...lines, "  </testsuite>"].join("\n") };
}

function testCase(file: string, name: string, findings: readonly Finding[]): string {
  const open = `    <testcase classname="${escape(file)}" name="${escape(name)}"`;
  if (findings.length === 0) return `${open}/>`;
  const errors = findings.filter(isError);
  const inner = [
    // Several would be a matter of taste to the readers of this format, so all of a case are in one failure.
    ...(errors.length === 0
      ? []
      : [
          `      <failure type="${errors.map(({ rule }) => rule).join(" ")}" message="${escape(errors[0]?.sentence ?? "")}">` +
            `${escape(errors.map(told).join("\n"))}</failure>`,
        ]),
    ...findings.filter((each) => !isError(each)).map((each) => `      <system-err>${escape(told(each))}</system-err>`),
  ];
  return [`${open}>`, ...inner, "    </testcase>"].join("\n");
}

const isError = ({ severity }: Finding): boolean => severity === "error";

const told = ({ file, line, column, target, sentence }: Finding): string =>
  `${[file, line, column].filter((part) => part !== undefined).join(":")}: ${sentence}${target === null ? "" : ` [${target}]`}`;

const sum = (suites: readonly Suite[], what: "tests" | "failures"): number =>
  suites.reduce((total, each) => total + each[what], 0);

/** Control characters are no XML at all, not even escaped. */
const escape = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
