import { match } from "ts-pattern";
import type { Report } from "./finding.ts";
import { formatGithub } from "./formats/github.ts";
import { formatJson } from "./formats/json.ts";
import { formatJunit } from "./formats/junit.ts";
import { formatSarif } from "./formats/sarif.ts";
import { formatText } from "./formats/text.ts";

export const FORMATS = ["text", "json", "github", "sarif", "junit"] as const;
export type Format = (typeof FORMATS)[number];

/** The report as text of that format, with a line feed at its end where it is not empty. `version` is that of the tool. */
export const format = (report: Report, as: Format, version: string): string =>
  match(as)
    .with("text", () => formatText(report))
    .with("json", () => formatJson(report))
    .with("github", () => formatGithub(report))
    .with("sarif", () => formatSarif(report, version))
    .with("junit", () => formatJunit(report))
    .exhaustive();
