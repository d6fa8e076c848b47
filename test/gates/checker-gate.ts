import { objections, unsigned } from "../../src/check/check.ts";
import type { Objection, Rule } from "../../src/check/finding.ts";
import type { Manifest } from "../../src/topology/manifest.ts";
import type { CapabilitiesDocument } from "../../src/wire/status.ts";

/** One refusal, in words that a checker and an agent have in common. Null: nothing speaks against it. */
export interface Refusal {
  readonly reason: string;
  readonly message: string;
}

export interface Checked {
  /** By Score id, what its topology lacks. */
  readonly lacks: ReadonlyMap<string, readonly string[]>;
  /** What the agent will say of the whole. */
  readonly whole: Refusal | null;
  /** By Score id, what the agent will say of each. */
  readonly scores: ReadonlyMap<string, Refusal>;
}

/** All of these are told at once; an agent tells the first that it meets, in this order. */
const ORDER = [
  "UnknownKind",
  "UnsupportedVersion",
  "MissingCapability",
  "NoSealingKey",
  "PolicyDenied",
  "ThresholdNotMet",
] as const satisfies readonly Rule[];

/** What the checker says, of the topology and of what the agent has published of itself. */
export function checkCase(manifest: Manifest, document: CapabilitiesDocument): Checked {
  const ofTopology = objections(manifest, [{ _tag: "Topology", topology: manifest.topology }]);
  const agent = { _tag: "Agent", document } as const;
  const ofAgent = [...objections(manifest, [agent]), ...unsigned(manifest, agent, [])];
  const ids = Object.keys(manifest.scores);
  const of = (all: readonly Objection[], id: string | null): readonly Objection[] =>
    all.filter(({ scoreId }) => scoreId === id);
  // An agent that knows already that it is too much does not go on to look at contents.
  const whole = of(ofAgent, null);
  const early = whole.filter(({ sentence }) => !sentence.includes("limits.diskBytes"));
  return {
    lacks: new Map(ids.map((id) => [id, of(ofTopology, id).map(({ sentence }) => sentence)])),
    whole: firstOf(early.length > 0 ? early : whole),
    scores: new Map(
      ids.flatMap((id) => {
        const first = firstOf(of(ofAgent, id));
        return first === null ? [] : [[id, first] as const];
      }),
    ),
  };
}

function firstOf(all: readonly Objection[]): Refusal | null {
  for (const rule of ORDER) {
    const message = all.filter((each) => each.rule === rule).map(({ sentence }) => sentence);
    if (message.length > 0) return { reason: rule, message: message.join("; ") };
  }
  return null;
}
