// The wire carries data alone.
// expect 11:5 TS2322 "a spec holds only values that travel: no functions, symbols or class instances"
import { FileSystemHost, Score } from "harmony-edge";
import * as z from "zod";

export class HookScore extends Score(
  "Hook",
  {
    version: 1,
    requires: [FileSystemHost],
    spec: z.strictObject({ name: z.string(), hook: z.instanceof(URL).optional() }),
    observed: z.object({ size: z.number() }),
    step: z.object({ do: z.literal("write") }),
  },
  {
    identity: ({ name }) => `hook:${name}`,
    observe: () => ({ size: 0 }),
    plan: () => [],
    retire: () => [],
    apply: () => {},
  },
) {}
