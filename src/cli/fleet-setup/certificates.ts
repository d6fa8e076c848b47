import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Node makes keys but signs no certificates, so the openssl program does; Debian and Ubuntu have it.

const DEADLINE_MS = 30_000;
const AUTHORITY_DAYS = 7300;
const SERVER_DAYS = 825;
/** A server's certificate is made anew when less is left of it. */
const LEFT_DAYS = 90;
const DAY_MS = 86_400_000;

/** A certificate and its private key, in PEM. */
export interface Certified {
  readonly certificate: string;
  readonly key: string;
}

/** The fleet's own authority: clients that trust it, and nobody else, know its servers. @throws where openssl fails */
export async function makeAuthority(signal: AbortSignal): Promise<Certified> {
  return request(signal, AUTHORITY_DAYS, null, [
    "-subj",
    "/CN=Harmony Edge fleet",
    ...extensions("basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign,cRLSign"),
  ]);
}

/** A certificate of a server that is dialled by these hosts. @throws where openssl fails */
export async function makeServerCertificate(
  authority: Certified,
  hosts: readonly string[],
  signal: AbortSignal,
  days = SERVER_DAYS,
): Promise<Certified> {
  const names = [...new Set(hosts)].map((host) => `${isIP(host) === 0 ? "DNS" : "IP"}:${host}`);
  return request(signal, days, authority, [
    "-subj",
    "/CN=Harmony Edge server",
    ...extensions(
      `subjectAltName=${names.join(",")}`,
      "basicConstraints=critical,CA:FALSE",
      "keyUsage=critical,digitalSignature",
      "extendedKeyUsage=serverAuth",
    ),
  ]);
}

/** Whether it will end soon, at this time. */
export const endsSoon = (certificate: string, now: Date): boolean =>
  Date.parse(new X509Certificate(certificate).validTo) - now.getTime() < LEFT_DAYS * DAY_MS;

const extensions = (...all: readonly string[]): readonly string[] => all.flatMap((each) => ["-addext", each]);

async function request(
  signal: AbortSignal,
  days: number,
  authority: Certified | null,
  more: readonly string[],
): Promise<Certified> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-openssl-"));
  const at = (name: string): string => join(folder, name);
  try {
    await chmod(folder, 0o700);
    // The machine's own settings would add extensions of theirs.
    await writeFile(at("settings"), "[req]\ndistinguished_name = name\n[name]\n");
    const signer = authority === null ? [] : ["-CA", at("ca.pem"), "-CAkey", at("ca.key")];
    if (authority !== null) {
      await writeFile(at("ca.pem"), authority.certificate);
      await writeFile(at("ca.key"), authority.key, { mode: 0o600 });
    }
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", at("key")];
    const common = ["req", "-x509", "-config", at("settings"), ...key, "-out", at("pem"), "-days", String(days)];
    await openssl([...common, ...signer, ...more], signal);
    return { certificate: await readFile(at("pem"), "utf8"), key: await readFile(at("key"), "utf8") };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function openssl(args: readonly string[], signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile("openssl", args, { timeout: DEADLINE_MS, signal }, (error, _stdout, stderr) => {
      if (error === null) return resolve();
      const missing = error.code === "ENOENT";
      const said = stderr.trim().split("\n").slice(-3).join(" ") || error.message;
      return reject(
        new Error(
          missing ? "the program openssl, version 3 or newer, is not installed here" : `openssl failed: ${said}`,
        ),
      );
    });
  });
}
