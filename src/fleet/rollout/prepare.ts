import { knownDevice } from "../../check/fleet.ts";
import { objections, unknownFields, unsigned } from "../../check/check.ts";
import type { Target } from "../../check/target.ts";
import type { KnownDevice, MadeManifest } from "../../topology/fleet-manifest.ts";
import type { Manifest } from "../../topology/manifest.ts";
import { type Selector, selectorText } from "../../topology/selector.ts";
import { sha256 } from "../../wire/digest.ts";
import { encodeScores, type SecretsToSend } from "../../wire/encode.ts";
import type { AgentId } from "../../wire/keys.ts";
import {
  type Rollout,
  type RolloutDevice,
  type RolloutId,
  rolloutText,
  type StoredManifest,
} from "../../wire/rollout.ts";
import { sign } from "../../wire/signature.ts";
import { sealPayload } from "../../wire/sealed-payload.ts";
import type { CapabilitiesDocument } from "../../wire/status.ts";
import { type CallOptions, ROLLOUTS, type Unreachable } from "../../wire/store.ts";
import { authorsOf } from "../apply.ts";
import type { Signers } from "../pack.ts";
import type { FleetParts } from "../parts.ts";
import { secretsOf } from "../secrets.ts";
import { selectAgents } from "../selector.ts";
import { writeRollout } from "./record.ts";
import { type SecretsForMany, sealedForDevice } from "./sealing.ts";
import { planWaves, type Reach, type WavePlan } from "./waves.ts";

export interface RolloutWish {
  readonly id: RolloutId;
  /** Tells this command from every other one. */
  readonly token: string;
  /** For people: who runs it, and where. */
  readonly holder: string;
  /** The name of the file. */
  readonly file: string;
  readonly selector: Selector;
  readonly manifestOf: (device: KnownDevice) => MadeManifest;
  readonly waves: readonly Reach[];
  readonly concurrency: number;
  readonly maxFailures: number;
  readonly soakMs: number;
  readonly timeoutMs: number;
  readonly signers: Signers;
  /** Default: all secrets are carried over. */
  readonly secrets?: SecretsForMany | undefined;
  /** Why, in one line, for the history of each device. */
  readonly message?: string | undefined;
}

/** Why something cannot be rolled out to one device. `agentId`: null where it is about all of them. */
export interface DeviceFinding {
  readonly agentId: AgentId | null;
  readonly scoreId: string | null;
  readonly sentence: string;
}

export type Prepared =
  | {
      readonly _tag: "Prepared";
      readonly rollout: Rollout;
      readonly plan: Extract<WavePlan, { readonly _tag: "Plan" }>;
      /** Selected, and in no group of the file. */
      readonly leftOut: readonly AgentId[];
      /** What each device would be, with its secrets sealed: what the roll-out refers to. */
      readonly stored: ReadonlyMap<AgentId, StoredManifest>;
    }
  | { readonly _tag: "Refused"; readonly findings: readonly DeviceFinding[] }
  | Extract<WavePlan, { readonly _tag: "Infeasible" }>
  | Unreachable;

/** Makes and checks everything, and puts the manifests on the server. No device is told anything, and nothing is begun. */
export async function prepareRollout(
  { store, clock }: FleetParts,
  wish: RolloutWish,
  call: CallOptions = {},
): Promise<Prepared> {
  const ready = await store.ensureBuckets(call);
  if (ready._tag === "Unreachable" && ready.reason !== "Denied") return ready;
  const selected = await selectAgents(store, wish.selector, call);
  if (selected._tag === "Unreachable") return selected;
  const findings: DeviceFinding[] = selected.unreadable.map(({ agentId, message }) => ({
    agentId,
    scoreId: null,
    sentence: `what it publishes cannot be read, so nobody knows whether the selector means it: ${message}`,
  }));
  const leftOut: AgentId[] = [];
  const { secrets = CARRIED, signers } = wish;
  const stray = new Set(secrets.values.keys());
  /** Texts of manifests, with their numbers: most devices have the same, unless secrets are sealed for each. */
  const texts = new Map<string, number>();
  const distinct: StoredManifest[] = [];
  const numberOf = new Map<AgentId, number>();
  for (const { agentId, document } of selected.agents) {
    const made = wish.manifestOf(knownDevice({ ...document, agentId }));
    if (made._tag === "NotMeant") leftOut.push(agentId);
    else if (made._tag === "Refused") findings.push({ agentId, scoreId: null, sentence: made.message });
    else {
      const { manifest } = made;
      const objected = against(manifest, agentId, document, wish);
      findings.push(...objected);
      for (const name of secretsOf(manifest)) stray.delete(name);
      if (objected.length > 0) continue;
      const published = document.sealingKey ?? null;
      const sealed = await sealedForDevice(store, { manifest, agentId, published, secrets, signers }, call);
      if (sealed._tag === "Unreachable") return sealed;
      if (sealed._tag === "SecretsRefused") {
        findings.push({ agentId, scoreId: null, sentence: `${sealed.message}. ${sealed.next}` });
        continue;
      }
      const kept = storedOf(manifest, sealed.secrets);
      const text = JSON.stringify(kept);
      const number = texts.get(text) ?? texts.size;
      if (!texts.has(text)) distinct.push(kept);
      texts.set(text, number);
      numberOf.set(agentId, number);
    }
  }
  for (const name of stray) {
    findings.push({ agentId: null, scoreId: null, sentence: `no manifest refers to a secret "${name}"` });
  }
  if (findings.length > 0) return { _tag: "Refused", findings };
  const plan = planWaves([...numberOf.keys()], wish);
  if (plan._tag === "Infeasible") return plan;
  const manifests: Rollout["manifests"] = [];
  for (const text of texts.keys()) {
    const { sealed, key } = sealPayload(new TextEncoder().encode(text));
    const put = await store.putAsset(sealed, call);
    if (put._tag === "Unreachable") return put;
    manifests.push({ asset: put.sha256, sha256: sha256(text), key });
  }
  const devices = Object.fromEntries(
    [...numberOf].map(([agentId, manifest]): [string, RolloutDevice] => [
      agentId,
      { state: "Pending", manifest, generation: null, message: null, at: null },
    ]),
  );
  const now = clock.now().toISOString();
  const { id, file, concurrency, maxFailures, soakMs, timeoutMs, token, holder } = wish;
  const rollout: Rollout = {
    id,
    createdAt: now,
    source: { file, digest: `sha256:${sha256(JSON.stringify([[...texts.keys()].map(sha256), [...numberOf]]))}` },
    selector: selectorText(wish.selector),
    concurrency,
    maxFailures,
    soakMs,
    timeoutMs,
    waves: plan.waves.map((wave) => [...wave]),
    wave: 0,
    state: "Running",
    stop: null,
    stopAsked: false,
    manifests,
    signatures: wish.signers.map(({ key, privateKey }) =>
      sign(
        rolloutText({ id, manifests, devices, ...(wish.message !== undefined && { message: wish.message }) }),
        key,
        privateKey,
      ),
    ),
    devices,
    lease: { token, holder, at: now },
    ...(wish.message !== undefined && { message: wish.message }),
  };
  const stored = new Map(
    [...numberOf].flatMap(([agentId, number]) => {
      const manifest = distinct[number];
      return manifest === undefined ? [] : [[agentId, manifest] as const];
    }),
  );
  return { _tag: "Prepared", rollout, plan, leftOut, stored };
}

/** Writes it down, from when on it can be seen, stopped and gone on with. */
export async function beginRollout(
  { store }: Pick<FleetParts, "store">,
  rollout: Rollout,
  call: CallOptions = {},
): Promise<{ readonly _tag: "Begun"; readonly revision: number } | { readonly _tag: "Taken" } | Unreachable> {
  const written = await store.put(ROLLOUTS, rollout.id, writeRollout(rollout), { ...call, expect: 0 });
  switch (written._tag) {
    case "Written":
      return { _tag: "Begun", revision: written.revision };
    case "Conflict":
      return { _tag: "Taken" };
    case "TooLarge": {
      const message = `the roll-out is ${written.bytes} bytes, and the server takes ${written.limit}: select fewer devices`;
      return { _tag: "Unreachable", reason: "Failed", message };
    }
    case "Unreachable":
      return written;
  }
}

/** Nothing is given. */
const CARRIED: SecretsForMany = { values: new Map(), trustedKeysOf: () => [] };

const storedOf = (manifest: Manifest, secrets: SecretsToSend): StoredManifest => ({
  scores: encodeScores(manifest, secrets),
  ...(manifest.rollbackOnFailure !== null && { rollbackOnFailure: manifest.rollbackOnFailure }),
});

/** All that `apply` would refuse. */
function against(
  manifest: Manifest,
  agentId: AgentId,
  document: CapabilitiesDocument,
  { signers, message }: Pick<RolloutWish, "signers" | "message">,
): readonly DeviceFinding[] {
  const agent: Target = { _tag: "Agent", document: { ...document, agentId } };
  const targets: readonly Target[] = [{ _tag: "Topology", topology: manifest.topology }, agent];
  return [
    ...objections(manifest, targets),
    ...unsigned(manifest, agent, authorsOf(signers)),
    ...unknownFields({ message }, { ...document, agentId }),
  ].map(({ scoreId, sentence }) => ({ agentId, scoreId, sentence }));
}
