import * as z from "zod";
import { PortError } from "../../capabilities/port-error.ts";
import { safeParse } from "../../wire/safe-parse.ts";

/** Of what was wrong with an answer, as much is told. */
const TOLD_LIMIT = 300;

/** The path of an object on the bus. Another one can be answered and not be asked for. */
export const ObjectPath = z.string().regex(/^\/([A-Za-z0-9_]+(\/[A-Za-z0-9_]+)*)?$/);

/** What a service on the bus answered, where it is what was asked for. `doing` begins the sentence of the error. */
export function answered<T>(schema: z.ZodType<T>, answer: unknown, doing: string): T {
  const read = safeParse(schema, answer);
  if (read.success) return read.data;
  const why = z.prettifyError(read.error).replaceAll(/\s+/g, " ").slice(0, TOLD_LIMIT);
  throw new PortError({
    code: "Failed",
    blame: "device",
    message: `${doing} failed: the answer is not what was asked for (${why}).`,
    next: "Check that the service on the system bus is the one that it says it is, and of a version that is known here.",
  });
}
