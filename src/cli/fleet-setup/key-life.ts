import type { Term } from "./description.ts";

/** Of devices: long enough for one that is in a drawer for a season, short enough that a stolen copy does not matter for long. */
export const DEVICE_LIFE_SECONDS = 90 * 86_400;
export const PEOPLE_LIFE_SECONDS = 365 * 86_400;

/** A key that begins its life now. */
export const termFrom = (now: Date, lifeSeconds: number | undefined): Term =>
  lifeSeconds === undefined
    ? {}
    : { since: now.toISOString(), notAfter: endOf(now.toISOString(), lifeSeconds), lifeSeconds };

/** When a life that began then is over. */
export const endOf = (since: string, lifeSeconds: number): string =>
  new Date(Date.parse(since) + lifeSeconds * 1000).toISOString();

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of `90d`, `12h`, `30m`, `45s`, up to ten years; null where the text is none of these. */
export function parseLife(text: string): number | null {
  const [, number = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNITS[unit] ?? Number.NaN);
  return seconds >= 1 && seconds <= 3650 * 86_400 ? seconds : null;
}

/** How a key stands, for people. */
export type Ending = "no end" | "good" | "ends soon" | "ended";

/** Soon: less than a quarter of its life is left, when a device that is there has renewed long since. */
export function endingOf({ notAfter, lifeSeconds, ended }: Term, now: Date): Ending {
  if (notAfter === undefined) return "no end";
  const leftMs = Date.parse(notAfter) - now.getTime();
  if (ended === true || leftMs <= 0) return "ended";
  return leftMs < ((lifeSeconds ?? 0) * 1000) / 4 ? "ends soon" : "good";
}
