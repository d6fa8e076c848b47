import { ErrorCode, NatsError } from "nats";
import type { Unreachable } from "../store.ts";

export const unreachable = (reason: Unreachable["reason"], message: string): Unreachable => ({
  _tag: "Unreachable",
  reason,
  message,
});

/** Codes of the client library and of the operating system; all others are `Failed`. */
const REASONS: Readonly<Record<string, Unreachable["reason"]>> = {
  [ErrorCode.Timeout]: "TimedOut",
  [ErrorCode.ConnectionTimeout]: "TimedOut",
  ETIMEDOUT: "TimedOut",
  [ErrorCode.NoResponders]: "NoBucket",
  [ErrorCode.PermissionsViolation]: "Denied",
  [ErrorCode.AuthorizationViolation]: "Denied",
  [ErrorCode.AuthenticationExpired]: "Denied",
  [ErrorCode.AuthenticationTimeout]: "Denied",
  [ErrorCode.AccountExpired]: "Denied",
  [ErrorCode.BadAuthentication]: "Denied",
  [ErrorCode.BadCreds]: "Denied",
  [ErrorCode.ConnectionClosed]: "Disconnected",
  [ErrorCode.ConnectionRefused]: "Disconnected",
  [ErrorCode.Disconnect]: "Disconnected",
  ECONNREFUSED: "Disconnected",
  ECONNRESET: "Disconnected",
  EHOSTUNREACH: "Disconnected",
  ENETUNREACH: "Disconnected",
  ENETDOWN: "Disconnected",
  ENOTFOUND: "Disconnected",
  EAI_AGAIN: "Disconnected",
  EPIPE: "Disconnected",
};

/** What the client library threw or rejected with, as an answer. `doing` completes "could not ...". */
export function explain(error: unknown, doing: string): Unreachable {
  return unreachable(REASONS[codeOf(error) ?? ""] ?? "Failed", `could not ${doing}: ${textOf(error)}`);
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

function textOf(error: unknown): string {
  // As a text the library has nothing but this number.
  if (hasCode(error, ErrorCode.NoResponders)) return "JetStream is off for this account, or just starting";
  return error instanceof Error && error.message !== "" ? error.message : "no reason was given";
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof NatsError) return error.code;
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
