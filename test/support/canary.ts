import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * A secret that is like no other text, with what programs write differently: a quote, a backslash, a space, a percent sign
 * and letters that are more than one byte.
 */
export const canary = (word: string): string => `cAn4ry-${word}-7fQz "\\ %2F+ée€-Xk93vLwPt`;

/** All that would give a secret away: its text as programs write it, and its hash, which what is short is found by. */
export function spellingsOf(secret: string): ReadonlyMap<string, Buffer> {
  const bytes = Buffer.from(secret);
  const hash = createHash("sha256").update(bytes).digest();
  const found = new Map<string, Buffer>([
    ["itself", bytes],
    ["a part of it", bytes.subarray(0, 14)],
    ["the end of it", bytes.subarray(-9)],
    ["hexadecimal", Buffer.from(bytes.toString("hex"))],
    ["hexadecimal in capitals", Buffer.from(bytes.toString("hex").toUpperCase())],
    ["URL", Buffer.from(encodeURIComponent(secret))],
    ["JSON", Buffer.from(JSON.stringify(secret).slice(1, -1))],
    ["JSON in JSON", Buffer.from(JSON.stringify(JSON.stringify(secret).slice(1, -1)).slice(1, -1))],
    ["UTF-16", Buffer.from(secret, "utf16le")],
    ["hash", Buffer.from(hash.toString("hex"))],
    ["hash in base64", Buffer.from(hash.toString("base64"))],
    ["hash in base64url", Buffer.from(hash.toString("base64url"))],
    ["hash as bytes", hash],
  ]);
  // In base64 it looks otherwise by where in three bytes it begins.
  for (const before of [0, 1, 2]) {
    const shifted = Buffer.concat([Buffer.alloc(before), bytes]);
    const whole = shifted.subarray(0, shifted.length - (shifted.length % 3));
    for (const as of ["base64", "base64url"] as const) {
      found.set(`${as} after ${before} bytes`, Buffer.from(whole.toString(as).slice(before === 0 ? 0 : 4)));
    }
  }
  return found;
}

/** How the secret is spelt in these bytes; nothing where it is not in them. */
export const foundIn = (bytes: Uint8Array | string, secret: string): readonly string[] => {
  const text = Buffer.from(bytes);
  return [...spellingsOf(secret)].flatMap(([how, spelling]) => (text.includes(spelling) ? [how] : []));
};

/** All files below a folder by path, whole; where one is renamed or removed meanwhile, all are looked for again. */
export function filesBelow(folder: string): ReadonlyMap<string, Buffer> {
  for (;;) {
    try {
      const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      return new Map(paths.map((path) => [path, readFileSync(path)] as const));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT" && existsSync(folder))) throw error;
    }
  }
}

/** The places in which any of the secrets is to be found, and how it is spelt there. */
export const leaks = (
  places: Iterable<readonly [place: string, bytes: Uint8Array | string]>,
  secrets: readonly string[],
): readonly string[] =>
  [...places].flatMap(([place, bytes]) =>
    secrets.flatMap((secret) => foundIn(bytes, secret).map((how) => `${place}: ${how}`)),
  );
