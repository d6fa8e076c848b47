import { InvalidArgumentError, Option } from "commander";
import * as z from "zod";
import {
  type Fleet,
  parseSelector,
  parseWaves,
  type Reach,
  type Selected,
  type Selector,
  selectorText,
} from "../fleet/index.ts";
import type { AgentId } from "../wire/keys.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { tellUnreachable } from "./server.ts";
import type { Session } from "./session.ts";

export const SELECTOR_HELP = 'agents by their labels: "site=paris,role!=kiosk,env in (a,b)", "*" for all';

export function selector(text: string): Selector {
  const parsed = parseSelector(text);
  if (parsed._tag === "Refused") throw new InvalidArgumentError(parsed.message);
  return parsed.selector;
}

export function waves(text: string): readonly Reach[] {
  const parsed = parseWaves(text);
  if (parsed === null) {
    throw new InvalidArgumentError("Waves are numbers of devices or percentages with commas, such as 1,10%,100%.");
  }
  return parsed;
}

/** A whole number from `lowest` on. */
export const count =
  (lowest: 0 | 1) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d{1,4}$/.test(text) && number >= lowest) return number;
    throw new InvalidArgumentError(`It is a whole number from ${lowest} to 9999.`);
  };

/** The agents that are meant, in the order of their ids; what cannot be read is told, and left out. */
export async function selectedOrTell(
  session: Session,
  fleet: Fleet,
  wanted: Selector,
): Promise<readonly AgentId[] | ExitCode> {
  const found = await documentsOrTell(session, fleet, wanted);
  return typeof found === "number" ? found : found.map(({ agentId }) => agentId);
}

/** The same, with what each of them has published. */
export async function documentsOrTell(
  session: Session,
  fleet: Fleet,
  wanted: Selector,
): Promise<Selected["agents"] | ExitCode> {
  const found = await fleet.select(wanted, { signal: session.io.signal });
  if (found._tag === "Unreachable") {
    tellUnreachable(session, found);
    return EXIT.unreachable;
  }
  for (const { agentId } of found.unreadable) {
    session.say(`warning: what ${agentId} publishes cannot be read, so nobody knows whether it is meant`);
  }
  if (found.agents.length === 0) {
    session.complain(
      `no agent fits the selector ${selectorText(wanted)}`,
      "An agent gets labels by harmony agent run --label KEY=VALUE.",
    );
    return EXIT.finding;
  }
  return found.agents;
}

/** For a command that can mean several devices. */
export const selectorOption = (about: string): Option =>
  new Option("--selector <SELECTOR>", about).argParser((text): Selector => selector(text));

/** As that option hands it over. */
export const GivenSelector = z.custom<Selector>(
  (value) => typeof value === "object" && value !== null && "requirements" in value,
);
