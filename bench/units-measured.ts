import * as z from "zod";

const Values = z.array(z.number()).readonly();
const Beside = z.object({ ours: Values, careful: Values });

/** What is measured inside the machine, in milliseconds. */
export const Measured = z.object({
  cold: Beside,
  pass: Beside,
  /** From the edit of a file until it is as declared again. */
  edited: Values,
  /** From the moment that systemd calls a service inactive until it calls it active, by its own clock. */
  stopped: Values,
  /** From the last of the tamperings without a pause until all is as declared. */
  settledMs: z.number(),
});
export type Measured = z.infer<typeof Measured>;

/** What is not as declared after so long counts as lost. */
export const LOST_MS = 5000;
/** The agent lets what is tampered with again and again rest for up to a minute, and again where the next attempt fails. */
export const SETTLED_MS = 130_000;
