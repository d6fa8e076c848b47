import type { Clock, Log } from "../scores/context.ts";
import type { Gate } from "../wire/decode.ts";
import type { AgentId } from "../wire/keys.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import type { Host } from "./host.ts";
import type { Ledger } from "./ledger.ts";

/** What one agent is made of. */
export interface AgentParts {
  readonly agentId: AgentId;
  readonly kinds: Gate["kinds"];
  readonly trustedKeys: Gate["trustedKeys"];
  /** Has been looked at once. */
  readonly host: Host;
  readonly device: CapabilitiesDocument["device"];
  readonly store: Store;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly breathe: () => Promise<void>;
  readonly bootId: string;
  readonly driftPassMs: number;
}
