import { selectAgents, type Selected } from "../fleet/selector.ts";
import type { Selector } from "../topology/selector.ts";
import { EXIT, type ExitCode } from "./exit-code.ts";
import { tellUnreachable, withStore } from "./server.ts";
import type { Session } from "./session.ts";

export const EVERY: Selector = { requirements: [] };

/** What the agents that are meant have published; else what the command ends with, which has been told. */
export async function documentsOf(session: Session, selector: Selector): Promise<Selected | ExitCode> {
  const found: { selected: Selected | null } = { selected: null };
  const code = await withStore(session, async (store) => {
    const selected = await selectAgents(store, selector, { signal: session.io.signal });
    if (selected._tag === "Unreachable") {
      tellUnreachable(session, selected);
      return EXIT.unreachable;
    }
    found.selected = selected;
    return EXIT.done;
  });
  return found.selected ?? code;
}
