import { hasErrors, type Report } from "../finding.ts";

/** One document: `{ ok, files, findings }`. */
export const formatJson = (report: Report): string =>
  `${JSON.stringify({ ok: !hasErrors(report), files: report.files, findings: report.findings }, null, 2)}\n`;
