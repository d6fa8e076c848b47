import * as z from "zod";
import { AgentId } from "../wire/keys.ts";
import { Condition } from "../wire/status.ts";
import type { StatusFacts } from "./status-document.ts";

/** How the agent's key stands. */
const KeyReport = z.object({
  /**
   * `on`: it is renewed before it ends. `none`: it has no end. `off`: the server renews none, or lets nobody ask. `failing`:
   * the last attempt failed, as the message says; tried again. `unknown`: not asked yet, or the agent has no key to renew.
   */
  renewal: z.enum(["on", "none", "off", "failing", "unknown"]),
  /** By the server's clock, where it told. */
  notAfter: z.iso.datetime().nullable(),
  message: z.string(),
});
export type KeyReport = z.infer<typeof KeyReport>;

/**
 * What a running agent tells on its own device, in `/run/harmony-edge/agent.json`: also what no server hears, as `Fenced`
 * and `Offline`. Written when it changes, into memory.
 */
export const SelfReport = z.object({
  agentId: AgentId,
  agentVersion: z.string(),
  bootId: z.string(),
  /** Its process. The file stays when that dies. */
  pid: z.int(),
  /** Where its ledger is: two agents can run on one device. */
  stateDirectory: z.string(),
  generation: z.int(),
  observedGeneration: z.int(),
  isConnected: z.boolean(),
  conditions: z.array(Condition),
  /** What of it hangs, each as a sentence; see `stalls`. */
  stalls: z.array(z.string()),
  /** Left out where the agent works without a key that could be renewed. */
  key: KeyReport.exactOptional(),
});
export type SelfReport = z.infer<typeof SelfReport>;

/** One line for people: `generation 7, 12 of 12 Ready, connected`. */
export function statusLine(
  { generation, scores, fencedBy }: Pick<StatusFacts, "generation" | "scores" | "fencedBy">,
  isConnected: boolean,
): string {
  if (fencedBy !== null) return "fenced: another agent with this id has started; this one does nothing";
  const states = Object.values(scores);
  const ready = states.filter(({ state }) => state === "Ready").length;
  const what = generation === 0 ? "no manifest yet" : `generation ${generation}, ${ready} of ${states.length} Ready`;
  return `${what}, ${isConnected ? "connected" : "offline"}`;
}
