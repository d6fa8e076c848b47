import { createHash } from "node:crypto";
import { AgentId } from "./keys.ts";
import { UserKey } from "./nats/nkey.ts";

/** What a device asks a fleet to let in: an id, and the public half of a key that the device has made. No secret. */
export interface Enrolment {
  readonly id: AgentId;
  readonly key: UserKey;
}

/** `<id>.<public key>.<checksum>`: one word, to be carried by hand. */
export const enrolmentCode = ({ id, key }: Enrolment): string => `${id}.${key}.${checksum(id, key)}`;

/** Null where it is no code, or one that was not carried over whole. */
export function readEnrolmentCode(text: string): Enrolment | null {
  const [id, key, sum, ...rest] = text.trim().split(".");
  const read = { id: AgentId.safeParse(id).data, key: UserKey.safeParse(key).data };
  if (read.id === undefined || read.key === undefined || rest.length > 0) return null;
  return checksum(read.id, read.key) === sum ? { id: read.id, key: read.key } : null;
}

const checksum = (id: string, key: string): string =>
  createHash("sha256").update(`${id}.${key}`).digest("hex").slice(0, 8);
