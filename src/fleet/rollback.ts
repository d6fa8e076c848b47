import * as z from "zod";
import { Payload } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import { keyIdOf } from "../wire/secrets/sealed.ts";
import { fitting, sign, type Trust } from "../wire/signature.ts";
import { isSignedByOne } from "../wire/signers.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import type { SignedManifest } from "./apply-bundle.ts";
import { publishedKey } from "./capabilities.ts";
import { manifestsOf, type ShippedManifest } from "./manifests.ts";
import type { Signers } from "./pack.ts";
import type { FleetParts } from "./parts.ts";
import { sealedIn } from "./secrets.ts";
import { highestKnown } from "./ship.ts";
import { safeParse } from "../wire/safe-parse.ts";

export interface RollbackOptions extends CallOptions {
  /** The generation to ship again. */
  readonly to: number;
  /** Signs with these. Default: unsigned. */
  readonly signers?: Signers | undefined;
  /** Whose signature on the old manifest counts besides the signers' own. Default: nobody's. */
  readonly trust?: Trust | undefined;
  /** Default: that it is a way back, and to what. */
  readonly message?: string | undefined;
}

export type Rollback =
  | {
      readonly _tag: "Prepared";
      /** To be shipped with `applyBundle`, while the key is still at this revision. */
      readonly bundle: SignedManifest;
      readonly expect: number;
      /** The same under generation 1, to ask the agent about: nobody can ship it in the place of the other. */
      readonly asked: SignedManifest;
      readonly from: ShippedManifest;
    }
  /** `kept`: the generations that are, the oldest first. */
  | { readonly _tag: "NoSuchGeneration"; readonly kept: readonly number[] }
  /** Why it is not shipped again, and what to do. */
  | {
      readonly _tag: "Refused";
      readonly reason: "NotVerified" | "Unreadable" | "IsNewest" | "SecretsSealedForOther";
      readonly message: string;
      readonly next: string;
    };

/**
 * An earlier manifest as one of a new generation, its Scores as they were, byte for byte, with its secrets still sealed. Ships
 * nothing. Who signs it vouches for what it says, so it must have been signed by somebody whom they trust.
 */
export async function prepareRollback(
  { store, clock, ...parts }: FleetParts,
  agentId: AgentId,
  { to, signers = [], trust = { trustedKeys: new Map() }, message, ...call }: RollbackOptions,
): Promise<Rollback | Unreachable> {
  const all = await manifestsOf({ store, clock, ...parts }, agentId, [to], call);
  if ("_tag" in all) return all;
  const from = all.get(to);
  if (from === undefined || from._tag === "NoSuchGeneration") return from ?? { _tag: "NoSuchGeneration", kept: [] };
  const no = (reason: Extract<Rollback, { _tag: "Refused" }>["reason"], why: string, next: string): Rollback => ({
    _tag: "Refused",
    reason,
    message: why,
    next,
  });

  const read = safeParse(Payload, JSON.parse(from.payload));
  if (!read.success) {
    return no("Unreadable", `generation ${to}: ${z.prettifyError(read.error)}`, "Is it of a newer version of harmony?");
  }
  const { scores, rollbackOnFailure } = read.data;
  if (read.data.agentId !== agentId) {
    return no(
      "NotVerified",
      `generation ${to} was made for ${read.data.agentId}, and lies in the key of ${agentId}`,
      "Ship the FILE that is meant for it: harmony apply.",
    );
  }
  if (signers.length > 0 && !isTrusted(from, signers, trust)) {
    return no(
      "NotVerified",
      `generation ${to} is not signed by a key of yours, so that anybody who may write to the server can have made it`,
      "Name whom you trust with --trust or --authors, or ship the FILE again: harmony apply.",
    );
  }
  const known = await highestKnown(store, agentId, call);
  if (known._tag === "Unreachable") return known;
  const { found } = known;
  if (found._tag === "Value" && found.revision === from.revision) {
    return no(
      "IsNewest",
      `generation ${to} is the newest of ${agentId}`,
      `harmony history ${agentId} shows the others.`,
    );
  }
  const published = await publishedKey(store, agentId, call);
  if (published !== null && typeof published !== "string") return published;
  for (const [name, sealed] of sealedIn(scores)) {
    if (published === null || sealed.some(({ key }) => key === keyIdOf(published))) continue;
    return no(
      "SecretsSealedForOther",
      `the secret "${name}" of generation ${to} is sealed for another key than ${agentId} has now`,
      "Ship the FILE again, with what the secrets are: harmony apply --secret NAME=FILE.",
    );
  }

  const made = (generation: number): SignedManifest => {
    const manifest: Payload = {
      agentId,
      generation,
      issuedAt: clock.now().toISOString(),
      scores,
      ...(rollbackOnFailure && { rollbackOnFailure }),
      message: message ?? `back to generation ${to}`,
    };
    const payload = JSON.stringify(manifest);
    const signatures = signers.map(({ key, privateKey }) => sign(payload, key, privateKey));
    return { payload, signatures, manifest };
  };
  const expect = found._tag === "Absent" ? 0 : found.revision;
  return { _tag: "Prepared", bundle: made(known.generation + 1), asked: made(1), expect, from };
}

const isTrusted = ({ payload, signatures }: ShippedManifest, signers: Signers, trust: Trust): boolean =>
  isSignedByOne(payload, signatures, signers) || fitting(payload, signatures, trust)._tag === "Fitting";
