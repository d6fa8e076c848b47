import * as z from "zod";
import { AgentStatus, Condition } from "./status.ts";

/**
 * A status as it is read: what a newer agent has to tell in conditions that this build does not know is handed on as it is,
 * so that a control plane need not be newer than its agents. Agents write {@link AgentStatus} alone.
 */
export const ToldStatus = AgentStatus.extend({
  conditions: z.array(Condition.extend({ type: z.string(), reason: z.string() })),
});
export type ToldStatus = z.infer<typeof ToldStatus>;
