import * as z from "zod";
import { CapabilitiesDocument, type Read, readDocument } from "../wire/status.ts";

/** What every agent of a fleet had published at a moment, for whoever checks where no server is in reach. */
export const FleetSnapshot = z.object({
  /** By the clock of whoever saved it. */
  savedAt: z.iso.datetime(),
  agents: z.array(CapabilitiesDocument),
});
export type FleetSnapshot = z.infer<typeof FleetSnapshot>;

/** The documents in a file: one agent's, or those of a snapshot. Never throws. */
export function readCapabilitiesFile(bytes: Uint8Array): Read<readonly CapabilitiesDocument[]> {
  const isSnapshot = readDocument(z.looseObject({ savedAt: z.unknown(), agents: z.unknown() }), bytes)._tag === "Read";
  if (isSnapshot) {
    const snapshot = readDocument(FleetSnapshot, bytes);
    return snapshot._tag === "Read" ? { _tag: "Read", document: snapshot.document.agents } : snapshot;
  }
  const one = readDocument(CapabilitiesDocument, bytes);
  return one._tag === "Read" ? { _tag: "Read", document: [one.document] } : one;
}
