import * as z from "zod";

/** How long a manifest has by default until all of it has to be Ready, in seconds. */
const WITHIN_SECONDS = 300;

/** That a manifest which fails is taken back, and what counts as that. Travels with the manifest. */
export const RollbackOnFailure = z.strictObject({
  /**
   * Seconds in which all Scores have to become Ready, 10 to 86400, by the clock of the agent that never jumps. Default 300. A
   * start of the agent begins them anew, three times at the most.
   */
  withinSeconds: z.int().min(10).max(86_400),
});
export type RollbackOnFailure = z.infer<typeof RollbackOnFailure>;

/** As it can be said in a manifest. */
export type RollbackWish = boolean | { readonly withinSeconds?: number };

export const rollbackOf = (wish: RollbackWish) =>
  wish === false
    ? null
    : RollbackOnFailure.safeParse({ withinSeconds: WITHIN_SECONDS, ...(wish === true ? {} : wish) });
