import type { PortOf } from "../capabilities/capability.ts";
import type { Clock, Log } from "../scores/context.ts";
import type { AnyScoreClass } from "../scores/score.ts";
import { PiTopology } from "../topology/pi.ts";
import { PiWithAuditedShellTopology } from "../topology/pi-with-audited-shell.ts";
import type { Topology } from "../topology/topology.ts";
import { VERSION } from "../wire/version.ts";
import type { NodeFileSystem } from "./adapters/node-file-system.ts";
import { inDirectory, notEnabled, type Offering } from "./adapters/offering.ts";
import type { CapabilityName } from "./cage/needs.ts";
import type { Trail } from "./trail.ts";

/** What an agent is linked with. Nothing else of Harmony's kinds and adapters need be in its bundle. */
export interface Linked {
  /** The kinds that it knows; each kind and version once. */
  readonly kinds: readonly AnyScoreClass[];
  /** How it offers capabilities to them. What is not here is not offered. */
  readonly adapters: Adapters;
}

type Port<Name extends CapabilityName> = PortOf<
  Extract<(typeof PiWithAuditedShellTopology)["offers"][number], { readonly name: Name }>
> &
  object;

/** By the capability's name. */
export type Adapters = { readonly [Name in CapabilityName]?: Adapter<Port<Name>> };

/** Makes what offers one capability on the host that these parts are of. */
export type Adapter<P> = (host: HostParts) => Offering<P>;

/** What adapters are made of. */
export interface HostParts {
  readonly root: string;
  /** URLs of the NATS servers that the agent may use. */
  readonly servers: readonly string[];
  /** Where the ledger is. */
  readonly statePath: string;
  /** What the device's own configuration lets the agent offer. */
  readonly capabilities: readonly CapabilityName[];
  readonly files: NodeFileSystem;
  readonly clock: Clock;
  /** Left out: nothing is put on record. */
  readonly trail?: Trail | undefined;
  readonly log: Log;
}

/** Only where the owner of the device has enabled it. */
export const whereEnabled = <P>(host: HostParts, name: CapabilityName, offering: Offering<P>): Offering<P> =>
  host.capabilities.includes(name) ? offering : notEnabled(name, offering);

/** The same, and only for an agent that works on a whole machine. */
export const ofMachine = <P>(host: HostParts, name: CapabilityName, offering: Offering<P>): Offering<P> =>
  whereEnabled(host, name, host.root === "/" ? offering : inDirectory(offering));

/** What every host of this agent can have at the most: a Pi, with a shell or without, less what it is not linked with. */
export function hostTopology({ adapters }: Linked, capabilities: readonly CapabilityName[]): Topology {
  // A Pi that does not run commands is an ordinary one, which says how that could be changed.
  const { name } = capabilities.includes("AuditedShell") ? PiWithAuditedShellTopology : PiTopology;
  const { offers } = PiWithAuditedShellTopology;
  const missing = offers.filter((each) => adapters[each.name] === undefined);
  return {
    name,
    offers: offers.filter((each) => !missing.includes(each)),
    absent: Object.fromEntries(missing.map((each) => [each.name, "this agent was built without it"])),
  };
}

/** What `harmony agent kinds` tells. */
export const linkedDocument = ({ kinds, adapters }: Linked) => ({
  agentVersion: VERSION,
  kinds: kinds.map(({ kind, version, requires }) => ({ kind, version, requires: requires.map(({ name }) => name) })),
  capabilities: Object.keys(adapters),
});

export function linkedText(linked: Linked): string {
  const { kinds, capabilities } = linkedDocument(linked);
  const lines = kinds.map(({ kind, version, requires }) => `${kind}@${version} requires ${requires.join(", ")}`);
  return `${lines.join("\n")}\nIt can offer ${capabilities.length === 0 ? "nothing" : capabilities.join(", ")}.\n`;
}
