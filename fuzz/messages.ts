import * as z from "zod";

/** What the process that fuzzes tells the one that watches it. */

export const Progress = z.object({
  _tag: z.literal("Progress"),
  inputs: z.int(),
  /** Inputs that reached something new, and are made others of. */
  kept: z.int(),
  /** Of the sources, by the seeds alone and by all. */
  blocks: z.object({ bySeeds: z.int(), reached: z.int() }),
  /** Bytes that are left after a collection, more than in the first quarter of the time. */
  grownBytes: z.int(),
});
export type Progress = z.infer<typeof Progress>;

export const Message = z.discriminatedUnion("_tag", [
  Progress,
  z.object({ _tag: z.literal("Done"), progress: Progress }),
  z.object({
    _tag: z.literal("Finding"),
    kind: z.enum(["broken", "crash", "memory"]),
    message: z.string(),
    input: z.base64(),
  }),
]);
export type Message = z.infer<typeof Message>;

/** What it is told to do. */
export const Order = z.object({
  target: z.string(),
  seed: z.int(),
  ms: z.number(),
  /** Which scripts count as the sources. */
  sources: z.string(),
  /** Where each input is written before it is read, so that it is known also when nothing is told any more. */
  inputFile: z.string(),
  /** One input to be read again, in place of all others. */
  replay: z.string().nullable(),
});
export type Order = z.infer<typeof Order>;
