import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { publicKeyIn, readAuthors } from "../wire/authors.ts";
import { type DevicePolicies, readPolicy } from "../wire/device-policy.ts";
import type { Trust } from "../wire/signature.ts";
import { several } from "./command.ts";
import type { Session } from "./session.ts";

export const trustOption = (): Option =>
  new Option("--trust <KEYNAME=FILE>", "trust this Ed25519 public key (PEM); may be repeated").argParser(several);

/** Reads whom to trust, as an agent's flags name them. Null: something of it cannot be used, which has been told. */
export async function readTrust(
  session: Session,
  { trust, authors }: { readonly trust: readonly string[]; readonly authors: string | undefined },
): Promise<Trust | null> {
  const trustedKeys = new Map<string, NonNullable<ReturnType<typeof publicKeyIn>>>();
  for (const each of trust) {
    const at = each.indexOf("=");
    const [name, file] = [each.slice(0, Math.max(0, at)), each.slice(at + 1)];
    if (name === "" || file === "") {
      session.complain(`--trust ${each}: it is written KEYNAME=FILE`);
      return null;
    }
    const bytes = await bytesOf(session, file);
    if (bytes === null) return null;
    const key = publicKeyIn(Buffer.from(bytes).toString());
    if (key === null) {
      session.complain(`${file} holds no Ed25519 public key`, "openssl pkey -in PRIVATE -pubout -out FILE makes one.");
      return null;
    }
    trustedKeys.set(name, key);
  }
  if (authors === undefined) return { trustedKeys };
  const bytes = await bytesOf(session, authors);
  const read = bytes && readAuthors(bytes);
  if (read?._tag === "Unusable") session.complain(`${authors}: ${read.message}`);
  return read?._tag === "Authors" ? { trustedKeys, authors: { keys: read.keys, unreadable: null } } : null;
}

/** A device's policy from its file, as an agent has it. Null: it cannot be used, which has been told. */
export async function readDevicePolicy(session: Session, file: string): Promise<DevicePolicies | null> {
  const bytes = await bytesOf(session, file);
  const read = bytes && readPolicy(bytes);
  if (read?._tag === "Unusable") session.complain(`${file}: ${read.message}`);
  return read?._tag === "Policy"
    ? { reserved: { paths: [], units: [] }, policies: [{ name: file, rules: read.rules }], unreadable: null }
    : null;
}

async function bytesOf({ io, complain }: Session, file: string): Promise<Uint8Array | null> {
  try {
    return await readFile(resolve(io.cwd, file));
  } catch (error) {
    complain(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
