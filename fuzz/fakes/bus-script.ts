import * as z from "zod";

/** How a bus behaves towards one client. All of it may be left out, and then it is a bus as it should be. */

const Text = z.string().catch("");
const Whole = z
  .number()
  .transform((number) => Math.abs(Math.trunc(number)) % 0xffff_ffff)
  .catch(0);

/** The answer to one call. */
const Answer = z.object({
  as: z.enum(["value", "error", "nothing", "close", "twice", "other", "flood"]).catch("value"),
  /** Of the body, and the body itself; where the two do not fit each other, one of the odd bodies takes their place. */
  signature: z.string().optional().catch(undefined),
  body: z.array(z.unknown()).optional().catch(undefined),
  /** Which of the odd bodies. */
  odd: Whole.optional().catch(undefined),
  /** Of an error. */
  name: Text.default("org.freedesktop.DBus.Error.Failed"),
  /** Texts in the bytes of the message that are replaced, as long as each other. */
  patch: z.tuple([z.string(), z.string()]).optional().catch(undefined),
});
export type Answer = z.infer<typeof Answer>;

const Signal = z.object({
  /** After that many calls. */
  after: Whole.default(1),
  path: Text.default("/org/freedesktop/systemd1"),
  interface: Text.default("org.freedesktop.systemd1.Manager"),
  member: Text.default("JobRemoved"),
  signature: z.string().optional().catch(undefined),
  body: z.array(z.unknown()).optional().catch(undefined),
  odd: Whole.optional().catch(undefined),
});
export type Signal = z.infer<typeof Signal>;

const list = <T extends z.ZodType>(each: T) =>
  z
    .array(z.unknown())
    .catch([])
    .transform((all) =>
      all.slice(0, 64).flatMap((one) => {
        const read = each.safeParse(one);
        return read.success ? [read.data] : [];
      }),
    );

export const BusScript = z.object({
  /** What is said to each line of the client, as long as it has not begun. */
  greeting: list(z.string()).default([]),
  /** KiB that are sent in place of a greeting. */
  flood: Whole.default(0),
  /** By member, in the order of the calls. */
  answers: z.record(z.string(), list(Answer)).catch({}).default({}),
  signals: list(Signal).default([]),
  /** Of the bytes after the greeting. */
  edits: list(z.object({ at: Whole, drop: Whole.default(0), add: Text.default("") })).default([]),
  /** After that many bytes it hangs up; 0: never. */
  cut: Whole.default(0),
  /** Bytes that are sent at once; 0: all. */
  piece: Whole.default(0),
});
export type BusScript = z.infer<typeof BusScript>;

export function readScript<T extends z.ZodType>(schema: T, input: Uint8Array): z.infer<T> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(input).toString());
  } catch {
    value = {};
  }
  const read = z.safeParse(schema, value);
  return read.success ? read.data : z.parse(schema, {});
}
