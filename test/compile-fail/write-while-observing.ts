// Observing changes nothing: the port that it is handed has no method that could.
// expect 18:16 TS2339 Property 'removeFile' does not exist on type 'Pick<FileSystemHost, && "inspect" && "watch"
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
    async observe({ path }, { FileSystemHost: fs }) {
      await fs.removeFile(path);
      return { there: false };
    },
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
) {}
