import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Command, Option } from "commander";
import * as z from "zod";
import type { Fleet, SecretsGiven } from "../fleet/index.ts";
import { secretsOf } from "../fleet/secrets.ts";
import { SecretName } from "../scores/secret.ts";
import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import { keyIdOf } from "../wire/secrets/sealed.ts";
import { several } from "./command.ts";
import { knownDevicesFile, readKnownDevices, withDevice, writeKnownDevices } from "./known-devices.ts";
import type { Session } from "./session.ts";

/** The flags by which secrets are given, and the keys that they may be sealed for. */
export const SecretFlags = z.object({
  secret: z.array(z.string()).default([]),
  secrets: z.string().optional(),
  pin: z.boolean().default(false),
  knownDevices: z.string().optional(),
});
export type SecretFlags = z.infer<typeof SecretFlags>;

/** Where secrets come from. */
export const addSecretSources = (command: Command): Command =>
  command
    .addOption(
      new Option(
        "--secret <NAME=FILE>",
        "what the secret NAME is: all bytes of FILE, or of standard input where it is -; may be repeated",
      ).argParser(several),
    )
    .option(
      "--secrets <DIR>",
      "take each secret that the manifest names from the file of that name in DIR, where it is there",
    );

/** The same, and the keys that they may be sealed for. */
export const addSecretOptions = (command: Command): Command =>
  addSecretSources(command)
    .option("--pin", "trust the sealing key that the agent publishes now, and keep it as this device's")
    .option(
      "--known-devices <FILE>",
      "the sealing keys of the devices (env HARMONY_KNOWN_DEVICES, default ~/.config/harmony-edge/known-devices.json)",
    );

/** A flag that cannot be used. */
export interface WrongSecret {
  readonly problem: string;
  readonly next: string;
}

/**
 * Reads what is given of secrets; from the folder those with these names, which are referred to. Whoever gets the bytes wipes
 * them with {@link wipe}.
 */
export async function readSecrets(
  { cwd, input }: Session["io"],
  { secret, secrets: folder }: Pick<SecretFlags, "secret" | "secrets">,
  names: readonly string[],
): Promise<Map<string, Uint8Array> | WrongSecret> {
  const values = new Map<string, Uint8Array>();
  let fromInput: string | null = null;
  for (const each of secret) {
    const at = each.indexOf("=");
    const [name, file] = [each.slice(0, Math.max(0, at)), each.slice(at + 1)];
    const named = SecretName.safeParse(name);
    if (!named.success || file === "") {
      // What stands there may be a secret that was given by mistake in place of a file.
      return {
        problem: "--secret is written NAME=FILE",
        next: named.error?.issues[0]?.message ?? "FILE is a path, or -.",
      };
    }
    if (values.has(name)) return { problem: `--secret ${name}= is there twice`, next: "Give each secret once." };
    if (file === "-" && fromInput !== null) {
      return {
        problem: `--secret ${name}=-: standard input is ${fromInput} already`,
        next: "Take the others from files.",
      };
    }
    if (file === "-") fromInput = name;
    try {
      values.set(name, file === "-" ? await input() : await readFile(resolve(cwd, file)));
    } catch (error) {
      return {
        problem: `--secret ${name}: it cannot be read: ${codeOf(error)}`,
        next: `The file is ${file === "-" ? "standard input" : resolve(cwd, file)}.`,
      };
    }
  }
  if (folder === undefined) return values;
  const path = resolve(cwd, folder);
  try {
    const there = new Set(await readdir(path));
    for (const name of names) {
      if (!values.has(name) && there.has(name)) values.set(name, await readFile(join(path, name)));
    }
    return values;
  } catch (error) {
    return {
      problem: `--secrets ${folder}: it cannot be read: ${codeOf(error)}`,
      next: "It is a directory with a file for each secret.",
    };
  }
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error
    ? String(error.code)
    : error instanceof Error
      ? error.message
      : String(error);

/** What an editor puts at the end of a file is seldom meant. */
export function noteNewlines({ say }: Session, values: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of values) {
    if (bytes.at(-1) === 0x0a) say(`note: the secret "${name}" ends with a newline, which is part of it`);
  }
}

export const wipe = (values: ReadonlyMap<string, Uint8Array>): void => {
  for (const bytes of values.values()) bytes.fill(0);
};

/** The secrets as the fleet takes them, with the keys that are trusted for this agent. Null: something is wrong, and told. */
export async function gatherSecrets(
  session: Session,
  flags: SecretFlags,
  manifest: Manifest,
): Promise<{ readonly given: Map<string, Uint8Array>; readonly keysFor: KeysFor } | null> {
  const { io, complain, say } = session;
  const given = await readSecrets(io, flags, secretsOf(manifest));
  if ("problem" in given) {
    complain(given.problem, given.next);
    return null;
  }
  noteNewlines(session, given);
  const file = knownDevicesFile(io, flags.knownDevices);
  const keysFor: KeysFor = async (fleet, id) => {
    const known = await readKnownDevices(file);
    if ("problem" in known) {
      complain(known.problem, "Bring it back from a copy, or move it away and pin the devices anew.");
      return null;
    }
    const pinned = known.devices[id]?.sealingKeys ?? [];
    if (!flags.pin) return pinned;
    const published = await fleet.sealingKey(id, { signal: io.signal });
    if (typeof published !== "string") {
      complain(
        published === null ? `agent ${id} has published no key to pin` : published.message,
        "It must be running, and of a version that takes secrets.",
      );
      return null;
    }
    if (!pinned.includes(published)) {
      await writeKnownDevices(file, withDevice(known, id, published, new Date()));
      const before = pinned[0] === undefined ? "" : `, in place of ${keyIdOf(pinned[0])}`;
      say(`pinned ${keyIdOf(published)} as the sealing key of ${id}${before}, in ${file}`);
    }
    return [published];
  };
  return { given, keysFor };
}

/** Null: they cannot be had, which has been told. */
type KeysFor = (fleet: Fleet, id: AgentId) => Promise<SecretsGiven["trustedKeys"] | null>;
