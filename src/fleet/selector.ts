import { matches, type Selector } from "../topology/selector.ts";
import { AgentId } from "../wire/keys.ts";
import type { CapabilitiesDocument } from "../wire/status.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";
import { readCapabilities } from "./capabilities.ts";

export { matches, type ParsedSelector, parseSelector, type Selector, selectorText } from "../topology/selector.ts";

/** Which agents a selector means, by what they have published. Both lists in the order of their ids. */
export interface Selected {
  readonly _tag: "Selected";
  readonly agents: readonly { readonly agentId: AgentId; readonly document: CapabilitiesDocument }[];
  /** Whose documents cannot be read, so that nobody knows whether they are meant. */
  readonly unreadable: readonly { readonly agentId: AgentId; readonly message: string }[];
}

/** So many documents are read at once. */
const AT_ONCE = 32;

/** Reads what every agent has published, and keeps those that are meant. Each document counts as its key says, not as it does itself. */
export async function selectAgents(
  store: Pick<Store, "get" | "keys">,
  selector: Selector,
  call: CallOptions = {},
): Promise<Selected | Unreachable> {
  const keys = await store.keys("capabilities", call);
  if ("_tag" in keys) {
    return keys.reason === "NoBucket" ? { _tag: "Selected", agents: [], unreadable: [] } : keys;
  }
  const ids = keys.flatMap((key) => AgentId.safeParse(key).data ?? []).toSorted();
  const agents: Selected["agents"][number][] = [];
  const unreadable: Selected["unreadable"][number][] = [];
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    const some = ids.slice(at, at + AT_ONCE);
    const read = await Promise.all(some.map(async (agentId) => readCapabilities(store, agentId, call)));
    for (const [index, each] of read.entries()) {
      const agentId = some[index];
      if (agentId === undefined || each._tag === "None") continue;
      if (each._tag === "Unreachable") return each;
      if (each._tag === "Unreadable") unreadable.push({ agentId, message: each.message });
      else if (matches(selector, each.document.labels ?? {})) agents.push({ agentId, document: each.document });
    }
  }
  return { _tag: "Selected", agents, unreadable };
}
