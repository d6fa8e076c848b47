import type { AnyScore } from "../../../src/scores/score.ts";
import { DirectoryScore, FileScore, SystemdServiceScore } from "../../../src/scores/index.ts";
import type { Policy } from "../../../src/topology/policies.ts";
import { type DecodedManifest, decodePayload, type Gate } from "../../../src/wire/decode.ts";
import { encodeScore, inlineEnvelope } from "../../../src/wire/encode.ts";
import { AgentId } from "../../../src/wire/keys.ts";
import { FreeProbeScore, LaneProbeScore, ProbeScore, TEST_KINDS, RigTopology } from "./probe.ts";

export const AGENT = AgentId.parse("pi-7");

export const gate: Gate = { agentId: AGENT, kinds: TEST_KINDS, topology: RigTopology, trustedKeys: new Map() };

/** What stands for one Score in a test: the Score, or exactly what lies on the wire. */
export type Given = AnyScore | { readonly wire: unknown };

export interface Wanted {
  readonly generation: number;
  readonly scores: Readonly<Record<string, Given>>;
  readonly after?: Readonly<Record<string, readonly string[]>>;
  readonly restartOn?: Readonly<Record<string, readonly string[]>>;
  readonly policies?: Readonly<Record<string, Policy>>;
  readonly rollbackOnFailure?: { readonly withinSeconds: number };
  readonly retryFailed?: true;
  readonly agentId?: string;
}

export const file = (
  path: string,
  content = "",
  rest: { readonly parents?: boolean; readonly mode?: string; readonly owner?: string } = {},
): AnyScore => new FileScore({ path, content, ...rest });
export const directory = (path: string, rest: { readonly parents?: boolean } = {}): AnyScore =>
  new DirectoryScore({ path, ...rest });
export const probe = (name: string, value = "x", parts = 1): AnyScore => new ProbeScore({ name, value, parts });
/** One that others need not wait for. */
export const free = (
  name: string,
  { value = "x", ...rest }: { readonly value?: string; readonly parts?: number; readonly gathersAt?: number } = {},
): AnyScore => new FreeProbeScore({ name, value, ...rest });
export const lane = (name: string, parts = 1): AnyScore => new LaneProbeScore({ name, value: "x", parts });
export const service = (name: string, environment: Readonly<Record<string, string>> = {}): AnyScore =>
  new SystemdServiceScore({ name, exec: ["/bin/true"], environment });
/** A Score that every agent refuses. */
export const unknownKind = (kind = "Teleporter"): Given => ({
  wire: { kind, version: 1, requires: [], spec: { json: {} } },
});

export const payloadOf = ({
  generation,
  scores,
  after = {},
  restartOn = {},
  policies = {},
  agentId = AGENT,
  ...asked
}: Wanted): string =>
  JSON.stringify({
    agentId,
    generation,
    issuedAt: "2026-01-01T00:00:00.000Z",
    scores: Object.fromEntries(
      Object.entries(scores).map(([id, given]) => [
        id,
        "wire" in given ? given.wire : encodeScore(given, after[id], restartOn[id], policies[id]),
      ]),
    ),
    ...asked,
  });

export const envelopeOf = (wanted: Wanted): Uint8Array => inlineEnvelope(payloadOf(wanted), []);

/** By a gate that this device's may differ from. */
export function decoded(wanted: Wanted, other: Partial<Gate> = {}): DecodedManifest {
  const result = decodePayload(payloadOf(wanted), [], { ...gate, ...other }, null);
  if (result._tag === "Refused") throw new Error(result.refusal.message);
  return result.manifest;
}
