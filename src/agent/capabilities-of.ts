import { LATER_FIELDS } from "../wire/envelope.ts";
import { CapabilitiesDocument } from "../wire/status.ts";
import { VERSION } from "../wire/version.ts";
import type { AgentParts } from "./agent-parts.ts";

/** What this agent offers, as it is published. */
export function capabilitiesOf({
  agentId,
  host,
  device,
  kinds: known,
  labels = {},
  policy,
  deviceKeys,
  logs,
}: Pick<
  AgentParts,
  "agentId" | "host" | "device" | "kinds" | "labels" | "policy" | "deviceKeys" | "logs"
>): CapabilitiesDocument {
  const { name, absent } = host.topology;
  const kinds: Record<string, number[]> = {};
  for (const { kind, version } of known) (kinds[kind] ??= []).push(version);
  const capabilities = CapabilitiesDocument.shape.capabilities.parse(host.facts);
  return {
    agentId,
    topology: name,
    capabilities,
    absent,
    ...(device && { device }),
    kinds,
    agentVersion: VERSION,
    takes: [...LATER_FIELDS],
    answers: ["plan", ...(logs === undefined ? [] : ["logs"])],
    ...(Object.keys(labels).length > 0 && { labels }),
    ...(policy && { policy: policy() }),
    ...(deviceKeys && { sealingKey: deviceKeys.published }),
  };
}
