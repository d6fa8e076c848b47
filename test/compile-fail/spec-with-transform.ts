// A spec is parsed again after the wire, so it must accept what comes out of it.
// expect 11:5 TS2322 "a spec must accept its own output (no .transform()): it is parsed again after the wire"
import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";

export class NoteScore extends Score(
  "Note",
  {
    version: 1,
    requires: [FileSystemHost],
    spec: z.strictObject({ text: z.string().transform((text) => text.length) }),
    observed: z.object({ size: z.number() }),
    step: z.object({ do: z.literal("write") }),
  },
  {
    identity: ({ text }) => `note:${text}`,
    observe: () => ({ size: 0 }),
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
) {}
