// A step that plan and retire make, and apply forgets.
// expect 24:10 TS2349 Type 'NonExhaustiveError<{ do: "remove"; }>' has no call signatures.
import { FileSystemHost, Score } from "harmony-edge";
import { match } from "ts-pattern";
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
    retire: () => [{ do: "remove" }],
    apply: (step) =>
      match(step)
        .with({ do: "write" }, () => {})
        .exhaustive(),
  },
) {}
