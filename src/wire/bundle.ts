import * as z from "zod";
import { openEnvelope } from "./decode.ts";
import { type Envelope, Payload } from "./envelope.ts";
import { AgentId } from "./keys.ts";
import { readDocument } from "./status.ts";
import { ToldStatus } from "./told-status.ts";

/** What an agent says of itself, at a moment: the text within a signed status, which its own key signs. */
export const StatusReport = z.object({
  agentId: AgentId,
  /** By the device's clock. */
  at: z.iso.datetime(),
  status: ToldStatus,
});
export type StatusReport = z.infer<typeof StatusReport>;

/** Signed text in a file: the very bytes of an agent's key, or a status that is carried back. */
export type Bundle = { readonly payload: string; readonly signatures: Envelope["signatures"] } & (
  | { readonly _tag: "Manifest"; readonly manifest: Payload }
  | { readonly _tag: "Status"; readonly report: StatusReport }
);

export type ReadBundle = Bundle | { readonly _tag: "Unreadable"; readonly message: string };

/** Reads a bundle that anybody may have written. Never throws. Whether its signatures fit is not looked at. */
export function readBundle(bytes: Uint8Array): ReadBundle {
  const opened = openEnvelope(bytes);
  if (opened._tag === "Refused") return { _tag: "Unreadable", message: opened.refusal.message };
  if (opened._tag === "Asset") {
    return { _tag: "Unreadable", message: "its payload lies in the assets of a server, and not in the file" };
  }
  const { payload, signatures } = opened;
  const text = Buffer.from(payload);
  const report = readDocument(StatusReport, text);
  if (report._tag === "Read") return { _tag: "Status", payload, signatures, report: report.document };
  const manifest = readDocument(Payload, text);
  return manifest._tag === "Read"
    ? { _tag: "Manifest", payload, signatures, manifest: manifest.document }
    : { _tag: "Unreadable", message: `the payload: ${manifest.message}` };
}
