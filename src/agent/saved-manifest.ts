import { createHash } from "node:crypto";
import * as z from "zod";

/** A manifest as it is saved: the exact text that was accepted, and the revision of the key that held it. */
const Saved = z.object({
  sha256: z.string(),
  revision: z.int(),
  generation: z.int(),
  payload: z.string(),
  /** The names of the trusted keys whose signatures fitted. An older version did not keep them. */
  signedBy: z.array(z.string()).exactOptional(),
});
export type Accepted = Omit<z.infer<typeof Saved>, "sha256">;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export const savedBytes = (accepted: Accepted): Uint8Array =>
  Buffer.from(JSON.stringify({ sha256: sha256(accepted.payload), ...accepted } satisfies z.infer<typeof Saved>));

/** Null: it is none, or not as it was saved. */
export function savedIn(bytes: Uint8Array): Accepted | null {
  try {
    const { sha256: hash, ...accepted } = Saved.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    return sha256(accepted.payload) === hash ? accepted : null;
  } catch {
    return null;
  }
}
