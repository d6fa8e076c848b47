import { hasErrors, NEXT, type Report } from "../finding.ts";

/** One document: `{ ok, files, findings }`. */
export function formatJson(report: Report): string {
  const findings = report.findings.map((finding) => ({ ...finding, next: NEXT[finding.rule] }));
  return `${JSON.stringify({ ok: !hasErrors(report), files: report.files, findings }, null, 2)}\n`;
}
