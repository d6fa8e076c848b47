import type { PortTable } from "../scores/attenuate.ts";
import type { Assets, Clock, Log } from "../scores/context.ts";
import type { Gate } from "../wire/decode.ts";
import type { Opener } from "../wire/secrets/opener.ts";
import type { Ledger } from "./ledger.ts";

/** What the reconciler and its retirements work with. */
export interface ReconcilerParts {
  readonly ports: PortTable;
  /** Read anew each time, since a host may come to offer more, or less. */
  readonly gate: Pick<Gate, "kinds" | "topology">;
  /** Default: there are no secrets. */
  readonly opener?: Opener | undefined;
  readonly clock: Clock;
  /** Default: none. */
  readonly assets?: Assets | undefined;
  readonly ledger: Ledger;
  readonly log: Log;
  readonly stop: AbortSignal;
  readonly random: () => number;
  /** Lets everything else that is due run. */
  readonly breathe: () => Promise<void>;
  /** Called when a status changed; `settled` when there is nothing left to do for now. */
  readonly onChange: (how: "working" | "settled") => void;
}
