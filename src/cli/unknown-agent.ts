import type { Fleet } from "../fleet/index.ts";
import type { AgentId } from "../wire/keys.ts";
import { nearest } from "./nearest.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

const MOST = 20;

/** Nothing is known of an agent; says which ones are known. */
export async function tellUnknown(session: Session, fleet: Fleet, agent: AgentId): Promise<ExitCode> {
  const all = await fleet.statusOfAll({ signal: session.io.signal });
  if ("_tag" in all) {
    tellUnreachable(session, all);
    return EXIT.unreachable;
  }
  const ids = all.map(({ agentId }) => agentId);
  const known =
    ids.length === 0
      ? "No agent is known to this server."
      : `Known are ${ids.slice(0, MOST).join(", ")}${ids.length > MOST ? ` and ${ids.length - MOST} more` : ""}.`;
  const meant = nearest(agent, ids);
  session.complain(`nothing is known of agent ${agent}`, meant === null ? known : `Did you mean ${meant}? ${known}`);
  return EXIT.finding;
}
