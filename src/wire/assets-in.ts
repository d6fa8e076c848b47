/** A quotation mark within a text is written with a backslash before it, so that this stands nowhere but for itself. */
const NAMED = /"asset":"([0-9a-f]{64})"/g;

/**
 * The assets that a payload names, by their sha256: what has to be kept for it. Read from the text, so that what this build
 * does not know of, and would refuse, is kept as well.
 */
export const assetsIn = (payload: string): ReadonlySet<string> =>
  new Set([...payload.matchAll(NAMED)].map(([, sha256 = ""]) => sha256));
