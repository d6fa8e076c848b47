import type { lacks } from "../topology/lacks.ts";
import type { Topology } from "../topology/topology.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";

/** What a manifest is held against: a topology by its declaration, or one agent by what it says of itself. */
export type Target =
  | { readonly _tag: "Topology"; readonly topology: Topology }
  | { readonly _tag: "Agent"; readonly document: CapabilitiesDocument };

export const targetName = (target: Target): string =>
  target._tag === "Topology" ? target.topology.name : `agent ${target.document.agentId}`;

export const placeOf = (target: Target): Parameters<typeof lacks>[1] =>
  target._tag === "Topology"
    ? target.topology
    : {
        name: target.document.topology,
        offers: Object.keys(target.document.capabilities).map((name) => ({ name })),
        ...(target.document.absent && { absent: target.document.absent }),
      };

/** What an agent knows in place of a kind, or of a version of it, that it does not know. */
export function knownTo({ kinds }: CapabilitiesDocument, kind: string): string {
  const versions = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
  const names = versions?.map((version) => `${kind}@${version}`) ?? Object.keys(kinds);
  return names.length === 0 ? "none" : names.join(", ");
}
