import type { Log } from "../scores/context.ts";
import { openEnvelope } from "../wire/decode.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { Reading } from "./status-document.ts";

/** What becomes of a bundle that somebody brought to the device itself: its payload goes through the same gate as the key's. */
export function takeBrought(
  bytes: Uint8Array,
  take: (payload: string, signatures: Envelope["signatures"]) => Reading,
  log: Log,
): Reading {
  const opened = openEnvelope(bytes);
  const reading: Reading =
    opened._tag === "Refused"
      ? opened
      : opened._tag === "Inline"
        ? take(opened.payload, opened.signatures)
        : refused("MissingPayload", "its payload lies in the assets of a server, and not in the bundle");
  log("a bundle was brought to this device", {
    became: reading._tag,
    ...(reading._tag === "Refused" ? reading.refusal : reading),
  });
  return reading;
}

const refused = (reason: "MissingPayload" | "Malformed", message: string): Reading => ({
  _tag: "Refused",
  refusal: { reason, message, generation: null },
});

/** Of an agent that was fenced or told to end. */
export const NOT_TAKEN = refused(
  "Malformed",
  "this agent takes nothing until it is restarted; see harmony agent doctor",
);
