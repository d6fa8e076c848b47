import type { Objection } from "../check/finding.ts";
import type { ScoreState } from "../wire/status.ts";
import type { Unreachable } from "../wire/store.ts";
import type { ToldStatus } from "../wire/told-status.ts";
import type { Liveness } from "./liveness.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";

/** A manifest that lies in the agent's key. */
export interface Shipped {
  readonly generation: number;
  /** Of the key. */
  readonly revision: number;
}

/** What is still waited for. `scoreId` is null where it is about the manifest as a whole. */
export interface Missing {
  readonly scoreId: string | null;
  readonly state: ScoreState | null;
  /** One sentence. */
  readonly sentence: string;
}

/** Why secrets cannot be shipped. */
export type SecretsRefused = {
  readonly _tag: "SecretsRefused";
  readonly reason:
    | "SecretUnknown"
    | "SecretMissing"
    | "SecretUnusable"
    | "NoSealingKey"
    | "SealingKeyNotTrusted"
    | "SealingKeyChanged";
  readonly message: string;
  /** One sentence: what to do about it. */
  readonly next: string;
  /** The key that the agent publishes, where that is what it is about. */
  readonly published: SealingKey | null;
};

/** Why a manifest was not put into the agent's key. */
export type NotShipped =
  /** Refused here, before anything was sent: the manifest's own topology or the agent's published capabilities lack something. */
  | { readonly _tag: "Lacking"; readonly objections: readonly Objection[] }
  /** A secret that it refers to is not known, or there is no key that it could be sealed for. */
  | SecretsRefused
  /** More bytes than an agent reads. */
  | { readonly _tag: "TooLarge"; readonly bytes: number; readonly limit: number }
  /** Signed for another agent, or under a generation that is too low by now: nothing but another signature helps. `Moved`: the key is not at the revision that was asked for. */
  | { readonly _tag: "Unfit"; readonly reason: "WrongAgent" | "StaleGeneration" | "Moved"; readonly message: string }
  /** Others wrote to the key again and again between reading and writing it. */
  | { readonly _tag: "Contended"; readonly attempts: number }
  /** `stored` is null where it is not known: an answer was lost, and the key could not be read back. */
  | { readonly _tag: "NotReached"; readonly unreachable: Unreachable; readonly stored: false | null }
  | { readonly _tag: "Cancelled"; readonly shipped: null };

/** What became of `apply` or `remove`. */
export type ApplyResult =
  /** Every Score is Ready, and what was dropped is gone. */
  | ({ readonly _tag: "Converged"; readonly status: ToldStatus } & Shipped)
  /** Everything has come to rest, but these ids are not as they should be; see their entries in `status.scores`. */
  | ({ readonly _tag: "NotConverged"; readonly status: ToldStatus; readonly troubled: readonly string[] } & Shipped)
  /** It failed and was taken back: see `status.rolledBack`, and `status.scores` for how it stands with what came back. */
  | ({ readonly _tag: "RolledBack"; readonly status: ToldStatus } & Shipped)
  /** With `wait: false`: it lies in the key, and nobody looked what became of it. */
  | ({ readonly _tag: "Shipped" } & Shipped)
  /** The agent refused the manifest as a whole; what was in force stays in force. */
  | ({
      readonly _tag: "RefusedByAgent";
      readonly reason: string;
      readonly message: string;
      readonly status: ToldStatus;
    } & Shipped)
  /** Somebody shipped another manifest after this one; `by` is its generation, null where it cannot be read. */
  | ({ readonly _tag: "Superseded"; readonly by: number | null; readonly status: ToldStatus | null } & Shipped)
  /** It lies in the key; the agent has not carried it through in time, and goes on. */
  | ({
      readonly _tag: "TimedOut";
      readonly missing: readonly Missing[];
      readonly liveness: Liveness;
      readonly status: ToldStatus | null;
    } & Shipped)
  /** It lies in the key; then the server could not be reached any more. */
  | ({ readonly _tag: "LostSight"; readonly unreachable: Unreachable; readonly status: ToldStatus | null } & Shipped)
  /** The caller's signal fired while it waited. */
  | { readonly _tag: "Cancelled"; readonly shipped: Shipped }
  | NotShipped;

/** What `apply` is doing, for a line that people watch. */
export type Progress =
  | { readonly _tag: "Shipping"; readonly generation: number }
  /** Which of its secrets were sealed anew, and which are those that the agent has already. Only where there are any. */
  | { readonly _tag: "Secrets"; readonly sealed: readonly string[]; readonly carried: readonly string[] }
  /** Somebody else wrote in between; it is tried again above theirs. */
  | { readonly _tag: "Conflict" }
  /** No answer came; the key is read back. */
  | { readonly _tag: "AnswerLost"; readonly unreachable: Unreachable }
  | ({ readonly _tag: "Stored"; readonly bytes: number; readonly asAsset: boolean } & Shipped)
  /** The agent has a higher generation than the server knew of; it is shipped again above that one. */
  | { readonly _tag: "StaleGeneration"; readonly agentHas: number }
  | {
      readonly _tag: "Waiting";
      readonly missing: readonly Missing[];
      readonly liveness: Liveness;
      readonly status: ToldStatus | null;
    }
  /** While it waits, the server cannot be read; it is tried again. */
  | { readonly _tag: "Blind"; readonly unreachable: Unreachable };
