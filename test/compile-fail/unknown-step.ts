// A plan consists of the steps that the kind declares.
// expect 19:22 TS2322 Type '"delete"' is not assignable to type
import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";

export class NoteScore extends Score(
  "Note",
  {
    version: 1,
    requires: [FileSystemHost],
    spec: z.strictObject({ path: z.string() }),
    observed: z.object({ there: z.boolean() }),
    step: z.discriminatedUnion("do", [z.object({ do: z.literal("write") }), z.object({ do: z.literal("remove") })]),
  },
  {
    identity: ({ path }) => `path:${path}`,
    observe: () => ({ there: false }),
    plan: (_, { there }) => (there ? [] : [{ do: "write" }]),
    retire: () => [{ do: "delete" }],
    apply: () => {},
  },
) {}
