/** The checker as a library: whether manifests can run on their targets, and reports of it. Pure. */
export { checkFleet } from "./fleet.ts";
export { check, missingSecrets, objections, targetName } from "./check.ts";
export type { Target } from "./check.ts";
export { hasErrors, RULES } from "./finding.ts";
export type { CheckedFile, Finding, Objection, Report, Rule } from "./finding.ts";
export { format, FORMATS } from "./format.ts";
export type { Format } from "./format.ts";
export { CapabilitiesDocument, readDocument } from "../wire/status.ts";
export type { Read } from "../wire/status.ts";
