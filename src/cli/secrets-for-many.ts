import type { Fleet, SecretsForMany, Selector } from "../fleet/index.ts";
import { secretsOf } from "../fleet/secrets.ts";
import { knownDevice } from "../check/fleet.ts";
import type { KnownDevice, MadeManifest } from "../topology/fleet-manifest.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { knownDevicesFile, readKnownDevices } from "./known-devices.ts";
import { noteNewlines, readSecrets, type SecretFlags } from "./secret-options.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

/** The secrets of a roll-out, with the keys that are pinned for its devices. A number: something is wrong, and told. */
export async function gatherForMany(
  session: Session,
  fleet: Fleet,
  flags: SecretFlags,
  meant: { readonly selector: Selector; readonly manifestOf: (device: KnownDevice) => MadeManifest },
): Promise<(SecretsForMany & { readonly values: Map<string, Uint8Array> }) | ExitCode> {
  const { io } = session;
  const names = flags.secrets === undefined ? [] : await namesIn(fleet, meant, io.signal);
  if ("_tag" in names) {
    tellUnreachable(session, names);
    return EXIT.unreachable;
  }
  const values = await readSecrets(io, flags, names);
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

/** The secrets that any of the manifests refers to: no other file of a folder is read. */
async function namesIn(
  fleet: Fleet,
  { selector, manifestOf }: Parameters<typeof gatherForMany>[3],
  signal: AbortSignal,
) {
  const selected = await fleet.select(selector, { signal });
  if (selected._tag === "Unreachable") return selected;
  const made = selected.agents.map(({ agentId, document }) => manifestOf(knownDevice({ ...document, agentId })));
  return [...new Set(made.flatMap((each) => (each._tag === "Made" ? secretsOf(each.manifest) : [])))];
}
