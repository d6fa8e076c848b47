import type { Space } from "../disk.ts";

const MOST_BYTES = 1024 ** 3;
const PART = 0.2;

/** Where nobody said: a fifth of its file system, and 1 GiB at the most. */
export const usualLimit = (space: Space | null): number =>
  Math.floor(Math.min(MOST_BYTES, space === null ? MOST_BYTES : space.totalBytes * PART));

const FACTORS: Readonly<Record<string, number>> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };

/** `512M`; null for what is no size. */
export function parseSize(text: string): number | null {
  const [, number = "", unit = ""] = /^(\d{1,12})([KMG]?)$/.exec(text) ?? [];
  return number === "" ? null : Number(number) * (FACTORS[unit] ?? 1);
}
