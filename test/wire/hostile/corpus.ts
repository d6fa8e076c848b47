import type { Draft, HostileCase } from "./case.ts";
import { ENVELOPES } from "./envelopes.ts";
import { PAYLOADS } from "./payloads.ts";
import { SCORES } from "./scores.ts";
import { SIGNATURES } from "./signatures.ts";
import { SPECS } from "./specs.ts";

export type { Expected, HostileCase } from "./case.ts";
export { trustedKeys } from "./signatures.ts";

const numbered = (drafts: readonly Draft[], from: number): readonly HostileCase[] =>
  drafts.map(([name, expect, bytes], at) => ({ name, expect, bytes: () => bytes(from + at) }));

/**
 * What an agent must survive, for agent `AGENT` on `PiTopology` with the kinds of this build. The generation of each case
 * is one higher than that of the one before, so that they can be sent to one agent in this order.
 */
export const CORPUS: readonly HostileCase[] = [
  ...numbered([...ENVELOPES, ...PAYLOADS, ...SCORES, ...SPECS], 1),
  ...numbered(SIGNATURES, 1001).map((each) => ({ ...each, asksForSignature: true as const })),
];
