import * as z from "zod";

/** An agent's id, which is also its key in every bucket: 1 to 63 of `a-z`, `0-9` and `-`, not `-` at its ends. */
export const AgentId = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'an agent id is 1 to 63 of a-z, 0-9 and "-", not "-" at its ends')
  .brand<"AgentId">();
export type AgentId = z.infer<typeof AgentId>;

/** Where an agent answers what it would do with a manifest; `*`: all agents. */
export const planSubject = (id: AgentId | "*"): string => `fleet.plan.${id}`;

/** Where an agent is asked for its logs; `*`: all agents. */
export const logsSubject = (id: AgentId | "*"): string => `fleet.logs.${id}`;

/** All that is asked of agents. */
export const askedSubjects = (id: AgentId | "*"): readonly string[] => [planSubject(id), logsSubject(id)];

/** Where the fleet's own server is asked about an agent's key, and for its renewal; `*`: all agents. */
export const renewSubject = (id: AgentId | "*"): string => `fleet.renew.${id}`;
