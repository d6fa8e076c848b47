import {
  DirectoryScore,
  FileScore,
  K8sDeploymentScore,
  PiTopology,
  topology,
  K8sClient,
  FileSystemHost,
} from "harmony-edge";
import { payloadOf } from "../../src/agent/desired-state.ts";
import { decodePayload } from "../../src/wire/decode.ts";
import type { DecodedManifest } from "../../src/wire/decode.ts";
import { AgentId } from "../../src/wire/keys.ts";
import type { TrustedKeys } from "../../src/wire/signature.ts";
import type { Store } from "../../src/wire/store.ts";
import {
  type AgentStatus,
  type CapabilitiesDocument,
  type Heartbeat,
  type ScoreStatus,
  writeDocument,
} from "../../src/wire/status.ts";

export const PI = AgentId.parse("pi-7");
export const AT = "2026-01-01T00:00:00.000Z";
/** Offers more than a Pi, so that a manifest can be made that a Pi would refuse. */
export const Everything = topology("Everything", [FileSystemHost, K8sClient]);

export const file = (path: string, content = "x"): FileScore => new FileScore({ path, content });

const error: NonNullable<ScoreStatus["error"]> = {
  reason: "PortFailed",
  message: "the disk is full",
  during: "apply",
  step: { do: "write" },
  blame: "device",
  next: "Free some space.",
  retryable: true,
};

export const scoreStatus = (state: ScoreStatus["state"], more: Partial<ScoreStatus> = {}): ScoreStatus => ({
  kind: "File",
  version: 1,
  digest: "",
  generation: 1,
  state,
  outcome: state === "Ready" ? "SUCCESS" : null,
  change: "intentional",
  since: AT,
  details: null,
  error: state === "Failed" || state === "Refused" ? error : null,
  attempts: state === "Failed" ? 1 : 0,
  retryAfter: null,
  blockedOn: [],
  ...more,
});
export const failing = (state: ScoreStatus["state"]): ScoreStatus => scoreStatus(state, { error, attempts: 1 });

export const agentStatus = (more: Partial<AgentStatus>): AgentStatus => ({
  agentId: PI,
  generation: 0,
  observedGeneration: 0,
  observedRevision: 0,
  epoch: 1,
  conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "accepted", since: AT }],
  scores: {},
  agent: { version: "0.1.0", bootId: "boot", topology: "PiTopology" },
  ...more,
});

export const heartbeat = (sequence: number, at: Date): Heartbeat => ({
  agentId: PI,
  bootId: "boot",
  epoch: 1,
  sequence,
  uptimeMs: sequence * 10_000,
  agentVersion: "0.1.0",
  observedGeneration: 0,
  at: at.toISOString(),
});

export const capabilities = (more: Partial<CapabilitiesDocument> = {}): CapabilitiesDocument => ({
  agentId: PI,
  topology: "PiTopology",
  capabilities: { FileSystemHost: {} },
  kinds: { File: [1], Directory: [1] },
  agentVersion: "0.1.0",
  takes: ["message"],
  ...more,
});

export interface Script {
  /** The states that the agent tells after taking a manifest, one after the other; default: everything Ready. */
  readonly tells?: (manifest: DecodedManifest) => readonly Readonly<Record<string, ScoreStatus>>[];
  /** The generation that it has in force from before, of which the server may know nothing. */
  readonly inForce?: number;
  readonly trustedKeys?: TrustedKeys;
}

/**
 * An agent without a device: it goes through the real gate and tells what the script says. It answers each write to its
 * key with one status after the other.
 */
export function scriptedAgent(
  store: Store,
  script: Script = {},
): { readonly stop: () => void; readonly accepted: DecodedManifest[] } {
  const accepted: DecodedManifest[] = [];
  let inForce = script.inForce === undefined ? null : { generation: script.inForce, payload: "an earlier one" };
  const tell = (status: Partial<AgentStatus>) => store.put("actual-state", PI, writeDocument(agentStatus(status)));
  const look = async (): Promise<void> => {
    const found = await store.get("desired-state", PI);
    if (found._tag !== "Value") return;
    const { revision: observedRevision } = found;
    const read = await payloadOf(found.value, store);
    if (read._tag !== "Text") throw new Error(JSON.stringify(read));
    const gate = {
      agentId: PI,
      kinds: [FileScore, DirectoryScore, K8sDeploymentScore],
      topology: PiTopology,
      trustedKeys: script.trustedKeys ?? new Map(),
    };
    const decoded = decodePayload(read.payload, read.signatures, gate, inForce);
    if (decoded._tag === "Refused") {
      const { reason, message } = decoded.refusal;
      const conditions = [{ type: "Accepted", status: "False", reason, message, since: AT } as const];
      const generation = inForce?.generation ?? 0;
      await tell({ generation, observedGeneration: generation, observedRevision, conditions });
      return;
    }
    const { manifest } = decoded;
    inForce = { generation: manifest.generation, payload: read.payload };
    accepted.push(manifest);
    const ready = Object.fromEntries([...manifest.scores.keys()].map((id) => [id, scoreStatus("Ready")]));
    const { generation } = manifest;
    for (const scores of script.tells?.(manifest) ?? [ready]) {
      await tell({ generation, observedGeneration: generation, observedRevision, scores });
    }
  };
  let looking = Promise.resolve();
  const stop = store.onChange("desired-state", PI, () => {
    looking = looking.then(look);
  });
  return { stop, accepted };
}
