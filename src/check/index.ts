/** The checker as a library: whether manifests can run on their targets, and reports of it. Pure. */
export { checkFleet } from "./fleet.ts";
export { check, missingSecrets, objections } from "./check.ts";
export { targetName } from "./target.ts";
export type { Target } from "./target.ts";
export { hasErrors, NEXT, RULES } from "./finding.ts";
export type { CheckedFile, Finding, Objection, Report, Rule } from "./finding.ts";
export { format, FORMATS } from "./format.ts";
export type { Format } from "./format.ts";
export { CapabilitiesDocument, readDocument } from "../wire/status.ts";
export type { Read } from "../wire/status.ts";
