import type { AnyScore } from "../../scores/score.ts";
import type { DecodedScore } from "../../wire/decode.ts";
import { decodePayload, decodeScore, type Gate } from "../../wire/decode.ts";
import type { SealedSecrets } from "../../wire/secrets/sealed.ts";
import type { LogReply } from "../../wire/logs.ts";
import type { Ledger } from "../ledger.ts";
import type { Accepted } from "../saved-manifest.ts";

type Refused = Extract<LogReply, { readonly _tag: "Refused" }>;
export type WhichLog = { readonly _tag: "Units"; readonly units: readonly string[] } | Refused;

/** Of the Scores that are known, the first so many are named. */
const NAMED = 50;

/** Which units a Score runs as, going by what the agent has made or taken over; else why there are none. */
export function unitsOf(id: string, ledger: Ledger, gate: Gate): WhichLog {
  const scores = [...ledger.owned.values()]
    .filter((each) => each.id === id)
    .flatMap(({ wire }): readonly AnyScore[] => {
      const decoded = decodeScore(wire, gate);
      return decoded._tag === "Score" ? [decoded.score] : [];
    });
  const running = scores.flatMap((score) => score.bind().units ?? []);
  if (running.length > 0) return { _tag: "Units", units: [...new Set(running)] };
  const status = ledger.statuses.get(id);
  if (scores.length === 0 && status === undefined) {
    const known = [...new Set([...ledger.statuses.keys(), ...[...ledger.owned.values()].map((each) => each.id)])];
    return {
      _tag: "Refused",
      reason: "NoSuchScore",
      message: `${gate.agentId} knows of no Score "${id}"`,
      next: known.length === 0 ? "It has no Scores." : "harmony status tells which Scores it has.",
      scores: known.slice(0, NAMED),
    };
  }
  const kind = scores[0]?.kind ?? status?.kind ?? "";
  const runs = gate.kinds.some((each) => each.kind === kind && each.runs === true);
  if (scores.length === 0 && runs) {
    return {
      _tag: "Refused",
      reason: "NotThere",
      message: `"${id}" is not on ${gate.agentId} so far: it is ${status?.state ?? "unknown"}`,
      next: `harmony status ${gate.agentId} tells why.`,
    };
  }
  return {
    _tag: "Refused",
    reason: "RunsNothing",
    message: `"${id}" is a ${kind}, which runs nothing that logs`,
    next:
      kind === "ShellJob"
        ? "What its commands wrote is told by its status, and on the device by harmony agent audit."
        : "harmony events tells what the agent did about it; without a Score, harmony logs tells the agent's own log.",
  };
}

/** All texts that are hidden on this device: the secrets that it can open, and what its Scores say is never shown. */
export function hiddenTexts(ledger: Ledger, gate: Gate): readonly string[] {
  const texts: string[] = [];
  const hides = (score: AnyScore): void => void texts.push(...score.bind().hides);
  const opens = (secrets: SealedSecrets | undefined): void => void texts.push(...(gate.opener?.texts(secrets) ?? []));
  for (const { wire } of ledger.owned.values()) {
    opens(wire.secrets);
    const decoded = decodeScore(wire, gate);
    if (decoded._tag === "Score") hides(decoded.score);
  }
  for (const manifest of [ledger.accepted, ledger.lastGood]) {
    for (const decoded of manifest === null ? [] : scoresOf(manifest, gate)) {
      opens(decoded.wire?.secrets);
      if (decoded._tag === "Score") hides(decoded.score);
    }
  }
  return [...new Set(texts)];
}

/** Who signed it, and whether it may be taken, was looked at when it was. */
function scoresOf({ payload, signedBy = [] }: Accepted, gate: Gate): readonly DecodedScore[] {
  const decoded = decodePayload(payload, [], { ...gate, policy: undefined, held: undefined, signedBy }, null);
  return decoded._tag === "Decoded" ? [...decoded.manifest.scores.values()] : [];
}
