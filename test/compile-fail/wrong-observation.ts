// What is seen is reported in the shape that the kind declares, and only that can be planned from.
// expect 18:23 TS2322 Type 'string' is not assignable to type 'boolean'.
// expect 19:30 TS2339 Property 'mode' does not exist on type '{ there: boolean; }'.
import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";

export class NoteScore extends Score(
  "Note",
  {
    version: 1,
    requires: [FileSystemHost],
    spec: z.strictObject({ path: z.string() }),
    observed: z.object({ there: z.boolean() }),
    step: z.object({ do: z.literal("write") }),
  },
  {
    identity: ({ path }) => `path:${path}`,
    observe: () => ({ there: "yes" }),
    plan: (_, seen) => (seen.mode === "0644" ? [] : [{ do: "write" }]),
    retire: () => [],
    apply: () => {},
  },
) {}
