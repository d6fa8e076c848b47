import type { PortTable } from "../scores/attenuate.ts";
import type { Clock, Log } from "../scores/context.ts";
import type { AnyScoreClass } from "../scores/score.ts";
import type { Topology } from "../topology/topology.ts";
import type { Ledger } from "./ledger.ts";

/** What the reconciler and its retirements work with. */
export interface ReconcilerParts {
  readonly ports: PortTable;
  readonly kinds: readonly AnyScoreClass[];
  readonly topology: Topology;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly random: () => number;
  /** Lets everything else that is due run. */
  readonly breathe: () => Promise<void>;
  /** Called when a status changed; `settled` when there is nothing left to do for now. */
  readonly onChange: (how: "working" | "settled") => void;
}
