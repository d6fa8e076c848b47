import type { AnyScoreClass } from "../scores/score.ts";
import { topology } from "../topology/topology.ts";
import type { Bundle } from "./bundle.ts";
import { decodePayload } from "./decode.ts";
import type { DevicePolicies } from "./device-policy.ts";
import type { AgentId } from "./keys.ts";
import type { ScoreRefusal } from "./refusal.ts";
import { fitting, signers, type Trust } from "./signature.ts";

/** Whom and what a bundle is held against. */
export interface Against {
  readonly trust: Trust;
  /** Whose it has to be; null: whoever's it is. */
  readonly agentId: AgentId | null;
  readonly kinds: readonly AnyScoreClass[];
  readonly policy: DevicePolicies | undefined;
  readonly now: Date;
}

export interface Verified {
  /** Why it is not to be believed, or would be refused as a whole; null where nothing speaks against it. */
  readonly refusal: { readonly reason: string; readonly message: string } | null;
  /** The authors, or the agent, whose signatures are good. */
  readonly signedBy: readonly string[];
  /** The Scores that a device would refuse, whatever it offers. */
  readonly refused: Readonly<Record<string, ScoreRefusal>>;
}

/** What a device that trusts so would say to a bundle, but for what depends on the device itself. Pure. */
export function verifyBundle(bundle: Bundle, { trust, agentId, kinds, policy, now }: Against): Verified {
  return bundle._tag === "Status" ? ofStatus(bundle, trust, agentId) : ofManifest(bundle);

  function ofManifest({ payload, signatures, manifest }: Extract<Bundle, { readonly _tag: "Manifest" }>): Verified {
    const everything = topology("any", [...new Set(kinds.flatMap(({ requires }) => requires))]);
    const gate = { ...trust, agentId: agentId ?? manifest.agentId, kinds, topology: everything, policy, now };
    const decoded = decodePayload(payload, signatures, gate, null);
    if (decoded._tag === "Refused") {
      const { reason, message, signedBy = [] } = decoded.refusal;
      return { refusal: { reason, message }, signedBy, refused: {} };
    }
    const refused = [...decoded.manifest.scores].flatMap(([id, each]) =>
      each._tag === "Refused" ? [[id, each.refusal] as const] : [],
    );
    return { refusal: null, signedBy: decoded.manifest.signedBy, refused: Object.fromEntries(refused) };
  }
}

/** A device speaks for itself alone: its key is known under its id. */
function ofStatus(
  { payload, signatures, report }: Extract<Bundle, { readonly _tag: "Status" }>,
  trust: Trust,
  wanted: AgentId | null,
): Verified {
  const no = (reason: string, message: string): Verified => ({
    refusal: { reason, message },
    signedBy: [],
    refused: {},
  });
  const { agentId, at, status } = report;
  const fit = fitting(payload, signatures, trust);
  if (fit._tag === "Refused") return no(fit.reason, fit.message);
  const keys = fit._tag === "Fitting" ? fit.keys : [];
  const own = keys.filter(({ name }) => name === agentId);
  if (own.length === 0) {
    return no(
      "UnknownKey",
      `it is a status of ${agentId}, and not signed by ${agentId}'s own key: name that with --trust ${agentId}=FILE`,
    );
  }
  const good = signers(own, { issuedAt: new Date(at), now: null }, trust);
  if (good._tag === "Refused") return no(good.reason, good.message);
  if (wanted !== null && wanted !== agentId) return no("WrongAgent", `it is a status of ${agentId}, not of ${wanted}`);
  if (status.agentId !== agentId) return no("WrongAgent", `${agentId} tells a status of ${status.agentId}`);
  return { refusal: null, signedBy: [agentId], refused: {} };
}
