import type { Manifest } from "../topology/manifest.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import type { Objection } from "./finding.ts";
import { knownTo, type Target } from "./target.ts";

/** So many devices are named in a sentence. */
const NAMED = 3;

interface Group {
  readonly objection: Objection;
  readonly documents: CapabilitiesDocument[];
}

/** What is the same for several devices is told once, with all of them; in the order in which it was found. */
export function grouped(
  manifest: Manifest,
  found: readonly (readonly [target: Target, objections: readonly Objection[]])[],
): readonly Objection[] {
  const groups = new Map<string, Group>();
  for (const [target, objections] of found) {
    for (const objection of objections) {
      const key = target._tag === "Topology" ? `${groups.size}` : keyOf(objection, target.document);
      const group = groups.get(key) ?? { objection, documents: [] };
      groups.set(key, group);
      if (target._tag === "Agent") group.documents.push(target.document);
    }
  }
  return [...groups.values()].map((group) => told(manifest, group));
}

const IN_ITS_OWN_WORDS = new Set(["UnknownKind", "UnsupportedVersion", "NoSealingKey"]);

function keyOf({ rule, severity, scoreId, kind, capability, sentence }: Objection, of: CapabilitiesDocument): string {
  // These name the agent; all else is said in words that are the same for each.
  const words = IN_ITS_OWN_WORDS.has(rule) ? [of.agentVersion, knownTo(of, kind ?? "")] : [sentence];
  return JSON.stringify([rule, severity, scoreId, kind, capability, ...words]);
}

function told(manifest: Manifest, { objection, documents }: Group): Objection {
  const [first] = documents;
  if (first === undefined || documents.length === 1) return objection;
  const devices = documents.map(({ agentId }) => agentId);
  const more = devices.length - NAMED;
  const named = `${devices.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  const target = `${devices.length} devices: ${named}`;
  return { ...objection, target, devices, sentence: sentenceOf(manifest, objection, documents.length, first) };
}

function sentenceOf(
  manifest: Manifest,
  { rule, scoreId, kind, sentence }: Objection,
  count: number,
  of: CapabilitiesDocument,
) {
  const who = `agent ${of.agentVersion} on ${count} devices`;
  if (rule === "NoSealingKey") return sentence.replace(`agent ${of.agentId}`, who);
  if (rule !== "UnknownKind" && rule !== "UnsupportedVersion") return sentence;
  const version = scoreId === null ? "?" : manifest.scores[scoreId]?.version;
  return `kind ${kind}@${version} is unknown to ${who}; it knows ${knownTo(of, kind ?? "")}`;
}
