import { AgentId } from "../wire/keys.ts";
import { CapabilitiesDocument, type Read, readDocument } from "../wire/status.ts";
import type { SealingKey } from "../wire/secrets/sealed.ts";
import type { CallOptions, Store, Unreachable } from "../wire/store.ts";

/** What the agent says that it offers. One that cannot be read says nothing: the agent itself refuses what it must. */
export async function readCapabilities(
  store: Pick<Store, "get">,
  agentId: AgentId,
  call: CallOptions,
): Promise<Read<CapabilitiesDocument> | { readonly _tag: "None" } | Unreachable> {
  const found = await store.get("capabilities", agentId, call);
  if (found._tag === "Unreachable") return found;
  if (found._tag !== "Value") return { _tag: "None" };
  const read = readDocument(CapabilitiesDocument, found.value);
  return read._tag === "Read" && read.document.members !== undefined ? withTakes(store, read.document, call) : read;
}

/** A pair takes the fields of a manifest that each of its members takes. */
async function withTakes(
  store: Pick<Store, "get">,
  pair: CapabilitiesDocument,
  call: CallOptions,
): Promise<Read<CapabilitiesDocument> | Unreachable> {
  const takes: (readonly string[])[] = [];
  for (const member of Object.keys(pair.members ?? {})) {
    const id = AgentId.safeParse(member).data;
    const found = id === undefined ? null : await store.get("capabilities", id, call);
    if (found?._tag === "Unreachable") return found;
    const read = found?._tag === "Value" ? readDocument(CapabilitiesDocument, found.value) : null;
    takes.push(read?._tag === "Read" ? (read.document.takes ?? []) : []);
  }
  const [first = [], ...rest] = takes;
  const shared = first.filter((field) => rest.every((each) => each.includes(field)));
  return { _tag: "Read", document: { ...pair, takes: shared } };
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
