import { createPrivateKey, type KeyObject } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option } from "commander";
import { several } from "./command.ts";
import type { Session } from "./session.ts";

export const signOption = (): Option =>
  new Option("--sign <KEYNAME=FILE>", "sign with this Ed25519 private key (PKCS#8 PEM); may be repeated").argParser(
    several,
  );

export interface Signer {
  readonly key: string;
  readonly privateKey: KeyObject;
}

/** Reads the keys of `--sign`. Null: one of them cannot be used, which has been told. */
export async function readSigners(
  { io, complain }: Session,
  given: readonly string[],
): Promise<readonly Signer[] | null> {
  const signers: Signer[] = [];
  for (const each of given) {
    const at = each.indexOf("=");
    const [key, file] = [each.slice(0, Math.max(0, at)), each.slice(at + 1)];
    if (key === "" || file === "") {
      complain(`--sign ${each}: it is written KEYNAME=FILE`);
      return null;
    }
    try {
      const privateKey = createPrivateKey(await readFile(resolve(io.cwd, file)));
      if (privateKey.asymmetricKeyType !== "ed25519") {
        throw new Error(`it holds a key of type ${privateKey.asymmetricKeyType}`);
      }
      signers.push({ key, privateKey });
    } catch (error) {
      complain(
        `${file} holds no Ed25519 private key: ${error instanceof Error ? error.message : String(error)}`,
        "openssl genpkey -algorithm ed25519 -out FILE makes one.",
      );
      return null;
    }
  }
  return signers;
}
