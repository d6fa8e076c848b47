import { mkdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import * as z from "zod";
import { AgentId } from "../wire/keys.ts";
import { SealingKey } from "../wire/secrets/sealed.ts";
import { configFolder } from "./config-folder.ts";
import type { FleetDescription } from "./fleet-setup/description.ts";
import type { Session } from "./session.ts";
import { writeWhole } from "./write-whole.ts";

/** By agent id, the sealing keys of devices that an author trusts. It holds no secret. */
export const KnownDevices = z.strictObject({
  version: z.literal(1),
  devices: z.record(
    AgentId,
    z.strictObject({
      /** Newest first. */
      sealingKeys: z.array(SealingKey).min(1).max(4),
      pinnedAt: z.iso.datetime(),
    }),
  ),
});
export type KnownDevices = z.infer<typeof KnownDevices>;

export const NO_DEVICES: KnownDevices = { version: 1, devices: {} };

/** Where an author's own are: as the flag says, or the environment, or among the user's configuration. */
export function knownDevicesFile({ env, cwd }: Session["io"], given: string | undefined): string {
  const named = given ?? (env["HARMONY_KNOWN_DEVICES"] === "" ? undefined : env["HARMONY_KNOWN_DEVICES"]);
  if (named !== undefined) return resolve(cwd, named);
  return join(configFolder(env), "known-devices.json");
}

/** None where there is no such file. */
export async function readKnownDevices(file: string): Promise<KnownDevices | { readonly problem: string }> {
  try {
    const read = KnownDevices.safeParse(JSON.parse(await readFile(file, "utf8")));
    if (read.success) return read.data;
    const [issue] = read.error.issues;
    return { problem: `${file} is not as harmony writes it: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}` };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return NO_DEVICES;
    return { problem: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** The same with this key as the only one of that device. */
export const withDevice = (known: KnownDevices, id: AgentId, key: SealingKey, now: Date): KnownDevices => ({
  ...known,
  devices: { ...known.devices, [id]: { sealingKeys: [key], pinnedAt: now.toISOString() } },
});

export async function writeKnownDevices(file: string, known: KnownDevices): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await writeWhole(file, textOf(known));
}

export const textOf = (known: KnownDevices): string => `${JSON.stringify(known, null, 2)}\n`;

/** Those that a fleet has let in and that have shown their key. */
export const devicesOf = ({ agents }: FleetDescription): KnownDevices => ({
  version: 1,
  devices: Object.fromEntries(
    Object.entries(agents).flatMap(([id, { sealingKey, acceptedAt }]) =>
      sealingKey === undefined ? [] : [[id, { sealingKeys: [sealingKey], pinnedAt: acceptedAt }] as const],
    ),
  ),
});
