import { type FleetManifest, type KnownDevice, manifestFor, sampleDevices } from "../topology/fleet-manifest.ts";
import type { Topology } from "../topology/topology.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import { check } from "./check.ts";
import { type Target, targetName } from "./target.ts";
import type { CheckedFile, Finding } from "./finding.ts";

/** What a fleet's groups go by, of what an agent has published. */
export const knownDevice = (document: CapabilitiesDocument): KnownDevice => ({
  agentId: document.agentId,
  labels: document.labels ?? {},
  hardware: document.device ?? null,
  facts: document.capabilities,
});

/**
 * Holds each manifest of a fleet against its group's topology, and against the agents that the group means. A manifest is
 * made for each of those, and for a made-up device for each combination of the label values that the group names. Pure, as
 * far as the functions of the file are.
 */
export function checkFleet(
  file: string,
  fleet: FleetManifest,
  { topology, agents }: { readonly topology: Topology | null; readonly agents: readonly Target[] },
): { readonly file: CheckedFile; readonly findings: readonly Finding[] } {
  const found = new Map<string, Finding>();
  const scores = new Map<string, { readonly id: string; readonly kind: string }>();
  const targets = new Set<string>();
  const look = (device: KnownDevice, agent: Target | null): void => {
    const made = manifestFor(fleet, device);
    if (made._tag === "NotMeant") return;
    if (made._tag === "Refused") {
      const target = agent === null ? null : targetName(agent);
      const about = { rule: "NoManifest", severity: "error", scoreId: null, kind: null, capability: null } as const;
      found.set(made.message, { ...about, target, sentence: made.message, file });
      return;
    }
    const { group, manifest } = made;
    const own: readonly Target[] = [{ _tag: "Topology", topology: topology ?? manifest.topology }];
    const against = [...own, ...(agent === null ? [] : [agent])];
    for (const each of against) targets.add(targetName(each));
    for (const [id, { kind }] of Object.entries(manifest.scores)) scores.set(`${group} ${id}`, { id, kind });
    // Most devices of a group have the same to be said of them.
    for (const each of check(file, manifest, against)) {
      found.set(JSON.stringify([group, each]), { ...each, sentence: `group "${group}": ${each.sentence}` });
    }
  };
  for (const [name, group] of Object.entries(fleet.groups)) {
    for (const device of sampleDevices(name, group)) look(device, null);
  }
  for (const agent of agents) if (agent._tag === "Agent") look(knownDevice(agent.document), agent);
  return { file: { file, scores: [...scores.values()], targets: [...targets] }, findings: [...found.values()] };
}
