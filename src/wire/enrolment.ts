import { createHash } from "node:crypto";
import { AgentId } from "./keys.ts";
import { UserKey } from "./nats/nkey.ts";
import { SealingKey } from "./secrets/sealed.ts";

/** What a device asks a fleet to let in: an id, and the public halves of keys that the device has made. No secret. */
export interface Enrolment {
  readonly id: AgentId;
  /** By which the server knows it. */
  readonly key: UserKey;
  /** What its secrets are sealed for, where the device has shown it. */
  readonly sealingKey?: SealingKey;
}

/** `<id>.<public key>.<sealing key, if any>.<checksum>`: one word, to be carried by hand. */
export const enrolmentCode = ({ id, key, sealingKey }: Enrolment): string => {
  const parts = [id, key, ...(sealingKey === undefined ? [] : [sealingKey])];
  return [...parts, checksum(parts)].join(".");
};

/** Null where it is no code, or one that was not carried over whole. */
export function readEnrolmentCode(text: string): Enrolment | null {
  const parts = text.trim().split(".");
  const sum = parts.pop();
  const [id, key, sealing, ...rest] = parts;
  const read = { id: AgentId.safeParse(id).data, key: UserKey.safeParse(key).data };
  const sealingKey = SealingKey.optional().safeParse(sealing);
  if (read.id === undefined || read.key === undefined || !sealingKey.success || rest.length > 0) return null;
  if (checksum(parts) !== sum) return null;
  return { id: read.id, key: read.key, ...(sealingKey.data !== undefined && { sealingKey: sealingKey.data }) };
}

const checksum = (parts: readonly string[]): string =>
  createHash("sha256").update(parts.join(".")).digest("hex").slice(0, 8);
