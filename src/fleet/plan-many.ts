import type { Manifest } from "../topology/manifest.ts";
import type { AgentId } from "../wire/keys.ts";
import type { StoredManifest } from "../wire/rollout.ts";
import type { PlanReply } from "../wire/status.ts";
import type { CallOptions, Unreachable } from "../wire/store.ts";
import type { ScoreDifference } from "./differences.ts";
import type { FleetParts } from "./parts.ts";
import { changesSince, type LastKnown, lastKnown, textsAsked } from "./plan-basis.ts";
import { plan, planStored, type PlanResult } from "./plan.ts";
import type { Signers } from "./pack.ts";
import type { SecretsGiven } from "./secrets.ts";

export type Plan = Extract<PlanReply, { readonly _tag: "Plan" }>;

/** One device, and what it would be: a manifest of a FILE, or one that is sealed already, as a roll-out has it. */
export interface DeviceToPlan {
  readonly agentId: AgentId;
  readonly asked: Manifest | StoredManifest;
  /** Of a manifest of a FILE alone: what is sealed takes its secrets along. */
  readonly secrets?: SecretsGiven | undefined;
}

export interface PlanManyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds that each agent may take to look at everything. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  /** How many are asked at once. Default 64. */
  readonly concurrency?: number | undefined;
  readonly signers?: Signers | undefined;
  /** Called after each device, in no order. */
  readonly onPlan?: ((plan: DevicePlan) => void) | undefined;
}

/** What came of one device. */
export type DevicePlan =
  | {
      readonly _tag: "Planned";
      readonly agentId: AgentId;
      readonly plan: Plan;
      /** Against the manifest that the plan starts from; null where that one is not kept, or may not be read. */
      readonly changes: readonly ScoreDifference[] | null;
      /** The texts that its files would have, by Score: to be held against what stands there. */
      readonly texts: ReadonlyMap<string, string>;
    }
  /** It did not answer, which `message` tells of: by what it told last, and not by a look. */
  | {
      readonly _tag: "LastKnown";
      readonly agentId: AgentId;
      readonly message: string;
      readonly known: LastKnown;
    }
  /**
   * There is no plan. `NoManifest`: what the FILE has for it cannot be made. `RefusedByAgent`: it would take none of the manifest.
   * `NotReached`: the server would not have it asked, or what it told last cannot be read either. The others are as of a plan for
   * one device.
   */
  | {
      readonly _tag: "NotPlanned";
      readonly agentId: AgentId;
      readonly reason:
        | "NoManifest"
        | "RefusedByAgent"
        | "Unreadable"
        | "Lacking"
        | "SecretsRefused"
        | "TooLarge"
        | "NotReached";
      readonly message: string;
    };

/** More would do little for how long it takes, and much for what the server has to hold. */
const AT_ONCE = 64;

/**
 * Asks many devices what they would do, so many at once; in the order in which they were given. Changes nothing. Unreachable: the
 * server is gone, so nothing is known of the rest.
 */
export async function planMany(
  parts: FleetParts,
  devices: readonly DeviceToPlan[],
  options: PlanManyOptions = {},
): Promise<readonly DevicePlan[] | Unreachable> {
  const { concurrency = AT_ONCE, onPlan = () => {} } = options;
  const plans = new Map<AgentId, DevicePlan>();
  let gone: Unreachable | null = null;
  const left = devices.values();
  const worker = async (): Promise<void> => {
    for (const device of left) {
      if (gone !== null) return;
      const one = await planOne(parts, device, options);
      if (one._tag === "Unreachable") {
        gone = one;
        return;
      }
      plans.set(device.agentId, one);
      onPlan(one);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, devices.length) }, worker));
  return gone ?? devices.flatMap(({ agentId }) => plans.get(agentId) ?? []);
}

async function planOne(
  parts: FleetParts,
  { agentId, asked, secrets }: DeviceToPlan,
  { signal, timeoutMs, signers }: PlanManyOptions,
): Promise<DevicePlan | Unreachable> {
  const how = { signal, timeoutMs, signers };
  const result = await ("topology" in asked
    ? plan(parts, asked, agentId, { ...how, secrets })
    : planStored(parts, asked, agentId, how));
  const no = (reason: Extract<DevicePlan, { _tag: "NotPlanned" }>["reason"], message: string): DevicePlan => ({
    _tag: "NotPlanned",
    agentId,
    reason,
    message,
  });
  const call: CallOptions = { signal };
  switch (result._tag) {
    case "Answered": {
      const { reply } = result;
      if (reply._tag === "Refused") return no("RefusedByAgent", `${reply.reason}: ${reply.message}`);
      const since = await changesSince(parts, agentId, reply.generation, asked, call);
      // What differs is a help; who may ask an agent need not be let in to read what it was before.
      const changes = since === null || "_tag" in since ? null : [...since.values()];
      return { _tag: "Planned", agentId, plan: reply, changes, texts: textsAsked(asked) };
    }
    case "NoAnswer": {
      const known = await lastKnown(parts, agentId, asked, call);
      if (known._tag === "LastKnown") return { _tag: "LastKnown", agentId, message: result.message, known };
      return isGone(known) ? known : no("NotReached", `${result.message}; ${known.message}`);
    }
    case "Unreadable":
      return no("Unreadable", result.message);
    case "Lacking":
      return no("Lacking", result.objections.map(({ sentence }) => sentence).join("; "));
    case "SecretsRefused":
      return no("SecretsRefused", `${result.message}. ${result.next}`);
    case "TooLarge":
      return no("TooLarge", tooLarge(result));
    case "Unreachable":
      return isGone(result) ? result : no("NotReached", result.message);
  }
}

export const tooLarge = ({ bytes, limit }: Extract<PlanResult, { readonly _tag: "TooLarge" }>): string =>
  `the manifest is ${bytes} bytes, the most that an agent reads is ${limit}`;

/** Whether none of the others can be asked either. What is denied, or late, may be so for one device alone. */
const isGone = ({ reason }: Unreachable): boolean => reason === "Disconnected";

/** Whether nothing would be done, nor refused. */
export const isEmptyPlan = ({ scores }: Pick<Plan, "scores">): boolean =>
  Object.values(scores).every(({ would }) => would === "NOOP" || would === "LEAVE");

/** Whether a Score of it would fail, or be refused. */
export const isFlawed = ({ scores }: Pick<Plan, "scores">): boolean =>
  Object.values(scores).some(({ would }) => would === "FAIL" || would === "REFUSE");

/**
 * What counts of a plan: from which generation, and what would be done. Where it is another one, the device or what it is to be
 * has changed.
 */
export const gist = ({ generation, scores }: Plan): string => JSON.stringify([generation, doings(scores)]);

/** Without what was seen, which is another thing at each look, as the time since a start is. */
export const doings = (scores: Plan["scores"]): readonly unknown[] =>
  Object.entries(scores).map(([id, each]) => [
    id,
    each.would,
    "steps" in each ? each.steps : "error" in each ? each.error.reason : "on" in each ? each.on : null,
    "restartedBy" in each ? each.restartedBy : null,
  ]);
