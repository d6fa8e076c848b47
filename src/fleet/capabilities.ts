import type { AgentId } from "../wire/keys.ts";
import { CapabilitiesDocument, readDocument } from "../wire/status.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";

/** What the agent says that it offers. One that cannot be read says nothing: the agent itself refuses what it must. */
export async function readCapabilities(store: Pick<Store, "get">, agentId: AgentId, call: CallOptions) {
  const found = await store.get("capabilities", agentId, call);
  if (found._tag === "Unreachable") return found;
  return found._tag === "Value" ? readDocument(CapabilitiesDocument, found.value) : ({ _tag: "None" } as const);
}

export async function publishedKey(
  store: Store,
  agentId: AgentId,
  call: CallOptions,
): Promise<SealingKey | null | Unreachable> {
  const read = await readCapabilities(store, agentId, call);
  if (read._tag === "Unreachable") return read;
  return read._tag === "Read" ? (read.document.sealingKey ?? null) : null;
}
