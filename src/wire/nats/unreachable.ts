import { ErrorCode, NatsError } from "nats";
import type { Unreachable } from "../store.ts";

export const unreachable = (reason: Unreachable["reason"], message: string): Unreachable => ({
  _tag: "Unreachable",
  reason,
  message,
});

/** The server's code for an API request that names a stream which does not exist. */
export const STREAM_NOT_FOUND = 10059;

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
  const reason = serverCode(error) === STREAM_NOT_FOUND ? "NoBucket" : REASONS[codeOf(error) ?? ""];
  return unreachable(reason ?? "Failed", `could not ${doing}: ${textOf(error)}`);
}

/** What the server answered to an API request that it refused. */
export function serverCode(error: unknown): number | undefined {
  return error instanceof NatsError ? error.api_error?.err_code : undefined;
}

export function hasCode(error: unknown, code: string): boolean {
  return codeOf(error) === code;
}

/** What a device finds that has no battery for its clock and no other way to the time yet. Without the time of day: it is told once. */
const BY_THE_CLOCK: Readonly<Record<string, string>> = {
  CERT_NOT_YET_VALID:
    "by this machine's clock the server's certificate is not valid yet; set the clock, or let systemd-timesyncd do it",
  CERT_HAS_EXPIRED:
    "by this machine's clock the server's certificate has ended; if the clock is right, the server needs a new one (harmony fleet serve makes it)",
};

function textOf(error: unknown): string {
  const byTheClock = BY_THE_CLOCK[codeOf(error) ?? ""];
  if (byTheClock !== undefined) return byTheClock;
  // As a text the library has nothing but this number.
  if (hasCode(error, ErrorCode.NoResponders)) return "JetStream is off for this account, or just starting";
  return error instanceof Error && error.message !== "" ? error.message : "no reason was given";
}

function codeOf(error: unknown): string | undefined {
  if (error instanceof NatsError) return error.code;
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
