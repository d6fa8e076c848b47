import type { Clock, Log } from "../scores/context.ts";
import type { Authors } from "../wire/authors.ts";
import type { Gate } from "../wire/decode.ts";
import type { DevicePolicies } from "../wire/device-policy.ts";
import type { AgentId } from "../wire/keys.ts";
import type { Labels } from "../wire/labels.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import type { Store } from "../wire/store.ts";
import type { SecretUse } from "../wire/secrets/opener.ts";
import type { DeviceKeys } from "./device-keys.ts";
import type { AssetCache } from "./assets/asset-cache.ts";
import type { AgentHost } from "./host.ts";
import type { Ledger } from "./ledger.ts";
import type { AgentLogs } from "./logs/serve-logs.ts";
import type { AgentPresence, PresenceParts } from "./presence.ts";
import type { Trail } from "./trail.ts";
import type { Told } from "./status-document.ts";

/** What one agent is made of. */
export interface AgentParts {
  readonly agentId: AgentId;
  readonly kinds: Gate["kinds"];
  readonly trustedKeys: Gate["trustedKeys"];
  /** The authors that the device's file names; asked each time, since it may change. Default: there is no such file. */
  readonly authors?: (() => Authors) | undefined;
  /** What the device's owner allows; asked each time, since it may change. Default: everything. */
  readonly policy?: (() => DevicePolicies) | undefined;
  /** What it opens secrets with. Default: nothing, and Scores that need it are refused. */
  readonly deviceKeys?: Pick<DeviceKeys, "own" | "published"> | undefined;
  /** Called before a Score is given a secret; where it rejects, the Score fails. Default: nobody is told. */
  readonly onSecretUse?: ((use: SecretUse) => Promise<void>) | undefined;
  /** Has been looked at once. */
  readonly host: AgentHost;
  readonly device: CapabilitiesDocument["device"];
  /** What the device is called beside its id. Default: nothing. */
  readonly labels?: Labels | undefined;
  readonly store: Store;
  readonly ledger: Ledger;
  /** Default: it answers no question for logs. */
  readonly logs?: AgentLogs | undefined;
  /** Default: Scores that refer to assets fail. */
  readonly assets?: AssetCache | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  readonly breathe: () => Promise<void>;
  readonly bootId: string;
  readonly driftPassMs: number;
  /** Where it puts on record what happens. Default: nowhere. */
  readonly trail?: Trail | undefined;
  /** What it is in a pair, as a condition; asked whenever it tells of itself. Default: nothing. */
  readonly role?: () => Told | null;
  /** Where it is the agent of a pair, which this member of it holds the lease of. It does not begin with what its ledger holds. */
  readonly pair?: { readonly member: AgentId; readonly presence: (parts: PresenceParts) => AgentPresence };
}
