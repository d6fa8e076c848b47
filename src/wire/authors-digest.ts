import { canonicalize } from "json-canonicalize";
import type { Authors } from "./authors.ts";
import { sha256Of } from "./event-chain.ts";
import type { TrustedKeys } from "./signature.ts";

/** The hash of the keys whose signatures a device accepts, as canonical JSON (RFC 8785); null: signatures are not asked for. */
export function authorsDigest(trusted: TrustedKeys, authors: Authors | undefined): string | null {
  if (trusted.size === 0 && authors === undefined) return null;
  const keys = [
    ...[...trusted].map(([name, publicKey]) => ({ name, publicKey, notBefore: -Infinity, notAfter: Infinity })),
    ...(authors?.keys ?? []),
  ];
  const told = keys.map(({ name, publicKey, notBefore, notAfter }) => ({
    name,
    key: publicKey.export({ format: "der", type: "spki" }).toString("base64"),
    notBefore: Number.isFinite(notBefore) ? notBefore : null,
    notAfter: Number.isFinite(notAfter) ? notAfter : null,
  }));
  return sha256Of(canonicalize(told.toSorted((a, b) => (a.key < b.key ? -1 : 1))));
}
