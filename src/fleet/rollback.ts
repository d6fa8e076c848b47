import * as z from "zod";
import { unknownFields } from "../check/check.ts";
import { NEXT } from "../check/finding.ts";
import { assetsIn } from "../wire/assets-in.ts";
import { Payload } from "../wire/envelope.ts";
import type { AgentId } from "../wire/keys.ts";
import { keyIdOf } from "../wire/secrets/sealed.ts";
import { fitting, sign, signers as signersOf, type Trust } from "../wire/signature.ts";
import { isSignedByOne } from "../wire/signers.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import type { SignedManifest } from "./apply-bundle.ts";
import { readCapabilities } from "./capabilities.ts";
import type { CurrentPayload } from "./desired.ts";
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
  /** Default: that it is a way back, and to what; nothing for an agent that takes no message. */
  readonly message?: string | undefined;
  /** Whether it is shipped also where the server has assets of then no more, which the device may still have. Default: not. */
  readonly withoutAssets?: boolean | undefined;
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
      readonly reason:
        | "NotVerified"
        | "Unreadable"
        | "IsNewest"
        | "SecretsSealedForOther"
        | "UnknownField"
        | "AssetsGone";
      readonly message: string;
      readonly next: string;
    };

/**
 * An earlier manifest as one of a new generation, its Scores as they were, byte for byte, with its secrets still sealed. Ships
 * nothing. Who signs it vouches for what it says, so it must have been signed by somebody whom they trust.
 */
export async function prepareRollback(
  parts: FleetParts,
  agentId: AgentId,
  { to, signers = [], trust = NOBODY, message, withoutAssets = false, ...call }: RollbackOptions,
): Promise<Rollback | Unreachable> {
  const { store, clock } = parts;
  const all = await manifestsOf(parts, agentId, [to], call);
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
  const told = await readCapabilities(store, agentId, call);
  if (told._tag === "Unreachable") return told;
  const document = told._tag === "Read" ? told.document : null;
  const published = document?.sealingKey;
  for (const [name, sealed] of sealedIn(scores)) {
    if (published === undefined || sealed.some(({ key }) => key === keyIdOf(published))) continue;
    return no(
      "SecretsSealedForOther",
      `the secret "${name}" of generation ${to} is sealed for another key than ${agentId} has now`,
      "Ship the FILE again, with what the secrets are: harmony apply --secret NAME=FILE.",
    );
  }
  const unknown = (said: string | undefined) => (document === null ? [] : unknownFields({ message: said }, document));
  const [objection] = unknown(message);
  if (objection !== undefined) return no("UnknownField", objection.sentence, NEXT.UnknownField);
  const gone = withoutAssets ? [] : await assetsGone(store, from, known.current, call);
  if ("_tag" in gone) return gone;
  if (gone.length > 0) {
    return no(
      "AssetsGone",
      `the server has what generation ${to} refers to no more: ${gone.join(", ")}`,
      "Ship the FILE of then again, or bring it there with harmony asset put FILE. --force: the device may still have it.",
    );
  }

  const byDefault = `back to generation ${to}`;
  const said = message ?? (unknown(byDefault).length === 0 ? byDefault : undefined);
  const made = (generation: number): SignedManifest => {
    const manifest: Payload = {
      agentId,
      generation,
      issuedAt: clock.now().toISOString(),
      scores,
      ...(rollbackOnFailure && { rollbackOnFailure }),
      ...(said !== undefined && { message: said }),
    };
    const payload = JSON.stringify(manifest);
    const signatures = signers.map(({ key, privateKey }) => sign(payload, key, privateKey));
    return { payload, signatures, manifest };
  };
  const expect = found._tag === "Absent" ? 0 : found.revision;
  return { _tag: "Prepared", bundle: made(known.generation + 1), asked: made(1), expect, from };
}

/** By a key that was good at the time that the manifest tells as its own. */
function isTrusted({ payload, signatures, issuedAt }: ShippedManifest, own: Signers, trust: Trust): boolean {
  if (isSignedByOne(payload, signatures, own)) return true;
  const fit = fitting(payload, signatures, trust);
  if (fit._tag !== "Fitting") return false;
  return signersOf(fit.keys, { issuedAt: new Date(issuedAt), now: null }, trust)._tag === "Signers";
}

/** Which assets are not on the server, and which Scores they are of; without those that the newest manifest refers to as well. */
async function assetsGone(
  store: Store,
  { scores }: ShippedManifest,
  current: CurrentPayload | null,
  call: CallOptions,
): Promise<readonly string[] | Unreachable> {
  const kept = assetsIn(current?.payload ?? "");
  const users = new Map<string, string[]>();
  for (const [id, score] of Object.entries(scores)) {
    for (const sha256 of assetsIn(JSON.stringify(score))) {
      if (!kept.has(sha256)) users.set(sha256, [...(users.get(sha256) ?? []), id]);
    }
  }
  const gone: string[] = [];
  for (const [sha256, ids] of users) {
    const found = await store.findAsset(sha256, call);
    if (found._tag === "Unreachable") return found;
    if (found._tag !== "Found") gone.push(`${sha256.slice(0, 12)} of ${ids.join(" and ")}`);
  }
  return gone;
}

const NOBODY: Trust = { trustedKeys: new Map() };
