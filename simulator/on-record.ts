import { auditOf } from "../src/agent/audit.ts";
import { readEntry, sha256Of } from "../src/wire/event-chain.ts";
import type { MemoryServer } from "../src/wire/memory-server.ts";
import type { Files } from "./disk.ts";
import { payloadOf, type Wish } from "./wanted.ts";

/** What is wrong with what a device has on record of this wish, and with what the server was told of that; null: nothing. */
export async function unrecorded(files: Files, server: MemoryServer, wish: Wish): Promise<string | null> {
  const { entries, findings } = await auditOf({ read: async (name) => files.get(name) });
  const [finding] = findings;
  if (finding !== undefined) return `${finding.file}: ${finding.message}`;
  const accepted = entries.flatMap(({ record }) => (record?.type === "ManifestAccepted" ? [record] : []));
  if (accepted.at(-1)?.sha256 !== sha256Of(payloadOf(wish))) {
    return `the newest manifest on record is generation ${accepted.at(-1)?.generation ?? 0}`;
  }
  const here = entries.map(({ head }) => head);
  const there = server.events.all
    .map(({ line }) => readEntry(Buffer.from(line).toString()))
    .flatMap((each) => (each._tag === "Entry" && each.head.log === here.at(-1)?.log ? [each.head] : []));
  const told = there.map(({ sequence }) => sequence);
  if (told.some((sequence, at) => at > 0 && sequence !== (told[at - 1] ?? 0) + 1)) {
    return `it was told in another order: ${told.join(", ")}`;
  }
  const [last, known] = [here.at(-1)?.sequence, told.at(-1)];
  return last === known ? null : `record ${last} was not told; the last one that was is ${known}`;
}
