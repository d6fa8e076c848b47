import { type CheckedFile, type Finding, NEXT, type Report } from "../finding.ts";

/**
 * One test suite a file, one test case a Score, and one more for what is about the file itself. As the strictest schema of this
 * format wants it, that of Ant's reports: all that it asks for is there, and nothing else.
 */
export function formatJunit({ at, files, findings }: Report): string {
  const known = new Set(files.map(({ file }) => file));
  // What a checked file imports can be wrong too.
  const imported = new Set(findings.map(({ file }) => file).filter((file) => !known.has(file)));
  const all = [...files, ...Array.from(imported, (file): CheckedFile => ({ file, scores: [], targets: [] }))];
  const suites = all.map((file, id) =>
    suite(
      { id, timestamp: (at ?? "1970-01-01T00:00:00").slice(0, 19) },
      file,
      findings.filter((finding) => finding.file === file.file),
    ),
  );
  return ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", ...suites, "</testsuites>", ""].join("\n");
}

function suite(
  { id, timestamp }: { readonly id: number; readonly timestamp: string },
  { file, scores }: CheckedFile,
  findings: readonly Finding[],
): string {
  const ids = new Set(scores.map((score) => score.id));
  const cases = [
    // A Score that could not be made is none of the file's Scores.
    { name: "the file", findings: findings.filter(({ scoreId }) => scoreId === null || !ids.has(scoreId)) },
    ...scores.map((score) => ({
      name: `${score.id} (${score.kind})`,
      findings: findings.filter(({ scoreId }) => scoreId === score.id),
    })),
  ];
  const failures = cases.filter((each) => each.findings.some(isError)).length;
  const warnings = findings.filter((each) => !isError(each));
  const about = `package="harmony" id="${id}" name="${escape(file)}" timestamp="${timestamp}" hostname="localhost"`;
  return [
    `  <testsuite ${about} tests="${cases.length}" failures="${failures}" errors="0" skipped="0" time="0">`,
    "    <properties/>",
    ...cases.map((each) => testCase(file, each.name, each.findings.filter(isError))),
    "    <system-out></system-out>",
    `    <system-err>${escape(warnings.map(told).join("\n"))}</system-err>`,
    "  </testsuite>",
  ].join("\n");
}

function testCase(file: string, name: string, errors: readonly Finding[]): string {
  const open = `    <testcase classname="${escape(file)}" name="${escape(name)}" time="0"`;
  const [first] = errors;
  if (first === undefined) return `${open}/>`;
  // A case has one failure, so all of them are in it.
  const type = [...new Set(errors.map(({ rule }) => rule))].join(" ");
  const failure = `<failure type="${type}" message="${escape(first.sentence)}">${escape(errors.map(told).join("\n"))}</failure>`;
  return [`${open}>`, `      ${failure}`, "    </testcase>"].join("\n");
}

const isError = ({ severity }: Finding): boolean => severity === "error";

const told = ({ rule, file, line, column, target, sentence }: Finding): string => {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return `${place}: ${sentence}${target === null ? "" : ` [${target}]`}\n  ${NEXT[rule]}`;
};

/** Control characters are no XML at all, not even escaped. */
const escape = (text: string): string =>
  text
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
