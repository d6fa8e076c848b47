import { match } from "ts-pattern";
import type { Failure } from "../scores/outcome.ts";
import type { ScoreRefusal } from "./refusal.ts";
import type { ScoreError } from "./status.ts";

type JsonValue = ScoreError["step"];
const parseJson: (text: string) => JsonValue = JSON.parse;

/**
 * A kind's own data (a step, what was seen) as plain JSON. Kinds promise that it is; where one breaks that promise, a
 * sentence says so in its place, because this is what failures are told with.
 */
export function asJson(value: unknown): JsonValue {
  try {
    return parseJson(JSON.stringify(value ?? null));
  } catch (error) {
    return `not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** How a FAILURE is told on the wire. */
export const errorOf = (failure: Failure): ScoreError =>
  match(failure)
    .returnType<ScoreError>()
    .with({ _tag: "PortFailed" }, ({ during, step, problem: { code, message, blame, next, retryable = true } }) => ({
      ...(code === "RolledBack" ? { reason: code } : { reason: "PortFailed", code }),
      message,
      during,
      step: asJson(step),
      blame,
      next,
      retryable,
    }))
    .with({ _tag: "Obstructed" }, ({ during, obstruction: { obstructed, blame, next, reason } }) => ({
      reason: reason ?? "Obstructed",
      message: obstructed,
      during,
      step: null,
      blame,
      next,
      retryable: reason !== "RolledBack",
    }))
    .with({ _tag: "DidNotConverge" }, ({ remaining }) => ({
      reason: "DidNotConverge",
      message: `every step was taken, and ${remaining.length} of them are found to be needed again`,
      during: "observe",
      step: asJson(remaining[0]),
      blame: "device",
      next: "Look for what else manages the same thing on the device: two managers undo each other's work.",
      retryable: true,
    }))
    .with({ _tag: "TimedOut" }, ({ during, step, afterMs }) => ({
      reason: "TimedOut",
      message: `not done after ${afterMs / 1000} s`,
      during,
      step: asJson(step),
      blame: "device",
      next: "Look at the device's load and disk; the agent tries again by itself.",
      retryable: true,
    }))
    .with({ _tag: "Interrupted" }, ({ remaining }) => ({
      reason: "Interrupted",
      message: "a newer generation or the agent's stop came between two steps",
      during: "apply",
      step: asJson(remaining[0]),
      blame: "platform",
      next: "Nothing: it is taken up again.",
      retryable: true,
    }))
    .with({ _tag: "Bug" }, ({ during, step, message }) => ({
      reason: "Bug",
      message: `unexpected: ${message}`,
      during,
      step: asJson(step),
      blame: "platform",
      next: "Report this as a bug, with the Score and this message.",
      retryable: true,
    }))
    .exhaustive();

/** How a refusal is told on the wire. */
export const errorOfRefusal = ({ reason, message }: ScoreRefusal): ScoreError => ({
  reason,
  message,
  during: "decode",
  step: null,
  blame: "author",
  next: match(reason)
    .with(
      "MissingCapability",
      () => "Take the Score out of this agent's manifest, or send it to an agent that offers the capability.",
    )
    .with(
      "UnknownKind",
      "UnsupportedVersion",
      () => "Update the agent, or send a kind and version that it knows (harmony kinds).",
    )
    .with("MalformedScore", "RequiresMismatch", () => "Send it with the same version of harmony as the agent's.")
    .with("InvalidSpec", () => "Correct the spec (harmony kinds KIND shows its schema) and apply again.")
    .with(
      "ThresholdNotMet",
      () => "Have other authors sign the very same bundle (harmony sign BUNDLE --sign NAME=FILE), and apply it again.",
    )
    .with("PolicyDenied", () => "Change the Score, or ask the owner of the device to change its policy.")
    .with(
      "SecretMissing",
      "SecretNotForThisDevice",
      "SecretDamaged",
      () => "Ship the secret again, for this device: harmony apply FILE --agent ID --secret NAME=FILE.",
    )
    .with("DuplicateIdentity", "InvalidOrder", () => "Correct the manifest and apply again.")
    .exhaustive(),
  retryable: false,
});
