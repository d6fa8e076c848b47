const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
/** The longest that a timer of the runtime can wait is a little more. */
const LONGEST_MS = 24 * UNITS.h;

/** Milliseconds of `500ms`, `60s`, `5m` or `1h`, up to a day; null where the text is none of these. */
export function parseDuration(text: string): number | null {
  const [, number = "", unit = ""] = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/.exec(text) ?? [];
  if (unit !== "ms" && unit !== "s" && unit !== "m" && unit !== "h") return null;
  const ms = Math.round(Number(number) * UNITS[unit]);
  return ms > 0 && ms <= LONGEST_MS ? ms : null;
}

/** `8 s`, `3 min`, `5 h`, `2 d`: for people. */
export function spoken(ms: number): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}
