import type { Fleet, SecretsForMany, Selector } from "../fleet/index.ts";
import { secretsOf } from "../fleet/secrets.ts";
import { knownDevice } from "../check/fleet.ts";
import type { KnownDevice, MadeManifest } from "../topology/fleet-manifest.ts";
import type { Manifest } from "../topology/manifest.ts";
import type { Unreachable } from "../wire/store.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { knownDevicesFile, readKnownDevices } from "./known-devices.ts";
import { noteNewlines, readSecrets, type SecretFlags } from "./secret-options.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

/**
 * The secrets for many devices, with the keys that are pinned for these. `manifests`: what they are to be, asked where a folder of
 * secrets is given: no other file of that is read. A number: something is wrong, and told.
 */
export async function gatherForMany(
  session: Session,
  flags: SecretFlags,
  manifests: () => Promise<readonly Manifest[] | Unreachable>,
): Promise<(SecretsForMany & { readonly values: Map<string, Uint8Array> }) | ExitCode> {
  const { io } = session;
  const all = flags.secrets === undefined ? [] : await manifests();
  if ("_tag" in all) {
    tellUnreachable(session, all);
    return EXIT.unreachable;
  }
  const values = await readSecrets(io, flags, [...new Set(all.flatMap(secretsOf))]);
  if ("problem" in values) {
    session.complain(values.problem, values.next);
    return EXIT.usage;
  }
  noteNewlines(session, values);
  const known = await readKnownDevices(knownDevicesFile(io, flags.knownDevices));
  if ("problem" in known) {
    session.complain(known.problem, "Bring it back from a copy, or move it away and pin the devices anew.");
    return EXIT.finding;
  }
  return { values, trustedKeysOf: (id) => known.devices[id]?.sealingKeys ?? [] };
}

/** What all that the selector means are to be, as far as that can be made. */
export async function manifestsOfMany(
  fleet: Fleet,
  { selector, manifestOf }: { readonly selector: Selector; readonly manifestOf: (device: KnownDevice) => MadeManifest },
  signal: AbortSignal,
): Promise<readonly Manifest[] | Unreachable> {
  const selected = await fleet.select(selector, { signal });
  if (selected._tag === "Unreachable") return selected;
  const made = selected.agents.map(({ agentId, document }) => manifestOf(knownDevice({ ...document, agentId })));
  return made.flatMap((each) => (each._tag === "Made" ? [each.manifest] : []));
}
