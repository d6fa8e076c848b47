import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { readCapabilitiesFile } from "../check/snapshot.ts";
import { type Objection, type Target } from "../check/index.ts";
import { matches, type Selector, selectorText } from "../topology/selector.ts";
import type { Topology } from "../topology/topology.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { documentsOf, EVERY } from "./fleet-documents.ts";
import type { Session } from "./session.ts";
import { topologies } from "./topologies.ts";

export interface NamedTargets {
  /** Null: each manifest's own. */
  readonly topology: Topology | null;
  readonly agents: readonly Target[];
  /** Of devices that nobody can tell anything of. */
  readonly objections: readonly Objection[];
}

export interface Wanted {
  readonly topology: string | undefined;
  readonly capabilities: readonly string[];
  readonly fleet: boolean;
  readonly selector: Selector | undefined;
}

/** What a manifest is to be held against; else what the command ends with, which has been told. */
export async function namedTargets(session: Session, wanted: Wanted): Promise<NamedTargets | ExitCode> {
  const topology = topologyCalled(session, wanted.topology);
  if (topology === undefined) return EXIT.usage;
  const { selector = EVERY, capabilities } = wanted;
  const inFiles = await documentsIn(session, capabilities);
  if (inFiles === null) return EXIT.usage;
  // A selector narrows what is named; where nothing is, it is the fleet that it selects from.
  const asksFleet = wanted.fleet || (wanted.selector !== undefined && capabilities.length === 0);
  const live = asksFleet ? await documentsOf(session, selector) : null;
  if (typeof live === "number") return live;
  const documents = [
    ...inFiles.filter(({ labels = {} }) => matches(selector, labels)),
    ...(live?.agents.map(({ document }) => document) ?? []),
  ];
  const unreadable = live?.unreadable ?? [];
  if (documents.length + unreadable.length === 0 && (asksFleet || wanted.selector !== undefined)) {
    const whom =
      wanted.selector === undefined ? "no agent has published anything" : `no agent is ${selectorText(selector)}`;
    session.complain(`${whom}: there is nothing to hold a manifest against`, "harmony status shows who is there.");
    return EXIT.finding;
  }
  return {
    topology,
    agents: documents.map((document) => ({ _tag: "Agent", document })),
    objections: unreadable.map(({ agentId, message }) => ({
      rule: "UnreadableCapabilities",
      severity: "error",
      scoreId: null,
      kind: null,
      capability: null,
      target: `agent ${agentId}`,
      sentence: `what agent ${agentId} has published of itself cannot be read: ${message}`,
    })),
  };
}

/** Undefined: there is no such topology, which has been told. */
function topologyCalled({ complain }: Session, name: string | undefined): Topology | null | undefined {
  if (name === undefined) return null;
  const known = topologies();
  const topology = known.find((each) => each.name === name);
  if (topology === undefined) {
    complain(`there is no topology ${name}`, `This build knows ${known.map((each) => each.name).join(", ")}.`);
  }
  return topology;
}

async function documentsIn(
  { io, complain }: Session,
  files: readonly string[],
): Promise<readonly CapabilitiesDocument[] | null> {
  const documents: CapabilitiesDocument[] = [];
  for (const file of files) {
    const read = await readFile(resolve(io.cwd, file)).then(readCapabilitiesFile, (error: unknown) => ({
      _tag: "Unreadable" as const,
      message: error instanceof Error ? error.message : String(error),
    }));
    if (read._tag === "Unreadable") {
      complain(
        `${file} is no capabilities document: ${read.message}`,
        "It is the value of an agent's key in the bucket `capabilities`, or what harmony fleet capabilities --save wrote.",
      );
      return null;
    }
    documents.push(...read.document);
  }
  return documents;
}
