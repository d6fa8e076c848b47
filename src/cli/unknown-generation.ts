import type { Fleet } from "../fleet/index.ts";
import type { AgentId } from "../wire/keys.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import type { Session } from "./session.ts";
import { tellUnknown } from "./unknown-agent.ts";

/** No such manifest of an agent is kept; says which ones are. */
export async function tellNoGeneration(
  session: Session,
  fleet: Fleet,
  agent: AgentId,
  generation: number,
  kept: readonly number[],
): Promise<ExitCode> {
  const [oldest, newest] = [kept.at(0), kept.at(-1)];
  if (oldest === undefined || newest === undefined) return tellUnknown(session, fleet, agent);
  session.complain(
    `no generation ${generation} of ${agent} is kept`,
    `Those from ${oldest} to ${newest} are: harmony history ${agent} shows them.`,
  );
  return EXIT.finding;
}
