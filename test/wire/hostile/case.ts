import type { ManifestRefusal, ScoreRefusal } from "../../../src/wire/refusal.ts";
import { envelopeBytes, payloadText } from "../wire-text.ts";

/** What must come of it: the refusal of the manifest, or what becomes of each of its Scores. */
export type Expected = ManifestRefusal["reason"] | Readonly<Record<string, ScoreRefusal["reason"] | "Accepted">>;

/** Bytes that somebody might put into an agent's key. */
export interface HostileCase {
  readonly name: string;
  readonly bytes: () => Uint8Array;
  readonly expect: Expected;
  /** The agent asks for signatures by the keys of `trustedKeys`; otherwise for none. */
  readonly asksForSignature?: true;
}

/** A case before it has its place in the corpus, which is its generation, so that all of them can be sent one after the other. */
export type Draft = readonly [name: string, expect: Expected, bytes: (generation: number) => Uint8Array];

/** An envelope with these Scores, otherwise correct. */
export const withScores =
  (scores: () => unknown, rest: Readonly<Record<string, unknown>> = {}) =>
  (generation: number): Uint8Array =>
    envelopeBytes(payloadText(scores(), { generation, ...rest }));
