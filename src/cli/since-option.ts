import { InvalidArgumentError } from "commander";

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** What `--since` takes: so long ago, or a date. */
export function sinceWhen(text: string): Date {
  const [, number = "", unit = ""] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (unit === "s" || unit === "m" || unit === "h" || unit === "d") {
    return new Date(Date.now() - Number(number) * UNIT_MS[unit]);
  }
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? new Date(text) : new Date(Number.NaN);
  if (Number.isNaN(at.getTime())) {
    throw new InvalidArgumentError(
      "It is a number and s, m, h or d, such as 12h, or a date such as 2026-11-24T08:00Z.",
    );
  }
  return at;
}
