import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { AuthorsFile } from "../../wire/authors.ts";
import { credentialsFile } from "../../wire/nats/credentials.ts";
import { GUESTS } from "../../wire/nats/grants.ts";
import { makeUserKey } from "../../wire/nats/nkey.ts";
import { makeAuthority, makeServerCertificate } from "./certificates.ts";
import type { FleetDescription } from "./description.ts";
import { type FleetDirectory, makeFolder, messageOf, unusable, type Unusable } from "./fleet-directory.ts";
import { writeWhole } from "../write-whole.ts";
import { termFrom } from "./key-life.ts";
import { serverHosts } from "./server-address.ts";

export type NewFleet = Pick<FleetDescription, "listen" | "hosts" | "keyLifeSeconds"> & {
  /** Of the keys of author, viewer and dashboard; undefined: they have no end. */
  readonly peopleLifeSeconds: number | undefined;
};

/**
 * Makes everything that a fleet starts from, in a directory that is empty or not there yet: keys, certificates, the
 * description and the server's configuration. All of it appears at once, or none.
 */
export async function makeFleet(
  directory: FleetDirectory,
  given: NewFleet,
  signal: AbortSignal,
): Promise<FleetDescription | Unusable> {
  const there = await readdir(directory.path).catch(() => []);
  if (there.length > 0) {
    return unusable(
      `${directory.path} is not empty, and nothing is overwritten`,
      "Name another directory with --dir DIR. The keys of a fleet cannot be made again: whoever has the old ones would be locked out.",
    );
  }
  let made: string | undefined;
  try {
    await makeFolder(dirname(directory.path));
    // Beside the target, so that the rename stays on one file system.
    made = await mkdtemp(join(dirname(directory.path), ".harmony-fleet-"));
    const fleet = await fill(made, directory, given, signal);
    await rename(made, directory.path);
    made = undefined;
    return fleet;
  } catch (error) {
    return unusable(`the fleet could not be made: ${messageOf(error)}`, "Nothing was left behind; run it again.");
  } finally {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }
}

async function fill(
  folder: string,
  directory: FleetDirectory,
  { peopleLifeSeconds, ...given }: NewFleet,
  signal: AbortSignal,
): Promise<FleetDescription> {
  const authority = await makeAuthority(signal);
  const server = await makeServerCertificate(authority, serverHosts(given), signal);
  const users = {
    system: makeUserKey(),
    operator: makeUserKey(),
    author: makeUserKey(),
    viewer: makeUserKey(),
    dashboard: makeUserKey(),
  };
  const signing = generateKeyPairSync("ed25519", {
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const fleet: FleetDescription = {
    version: 1,
    ...given,
    keys: {
      system: users.system.publicKey,
      operator: users.operator.publicKey,
      author: users.author.publicKey,
      viewer: users.viewer.publicKey,
      dashboard: users.dashboard.publicKey,
    },
    people: Object.fromEntries(GUESTS.map((guest) => [guest, termFrom(new Date(), peopleLifeSeconds)])),
    agents: {},
  };
  for (const name of ["tls", "keys", "device", "jetstream"]) await makeFolder(join(folder, name));
  const files: Readonly<Record<string, string>> = {
    "tls/ca.key": authority.key,
    "tls/ca.pem": authority.certificate,
    "tls/server.key": server.key,
    "tls/server.pem": server.certificate,
    ...Object.fromEntries(
      Object.entries(users).map(([name, { seed }]) => [
        `keys/${name}.creds`,
        credentialsFile(seed, authority.certificate),
      ]),
    ),
    "keys/author.pem": signing.privateKey,
    "device/ca.pem": authority.certificate,
    "device/author.pub": signing.publicKey,
    "device/authors.json": `${JSON.stringify({ authors: [{ name: "author", publicKey: signing.publicKey }] } satisfies AuthorsFile, null, 2)}\n`,
    "nats-server.conf": directory.render(fleet),
    "fleet.json": `${JSON.stringify(fleet, null, 2)}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeWhole(join(folder, name), text);
  return fleet;
}
