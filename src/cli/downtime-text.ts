import type { Downtime } from "../wire/status.ts";

/**
 * For how long a unit is down, on one device or on several that do the same with it: an estimate, and of what it is one. What is
 * not known is said to be so.
 */
export function downtimeText(all: readonly Downtime[]): string {
  const does = all[0]?.does ?? "restart";
  const known = all.flatMap(({ took }) => msOf(does, took) ?? []);
  const unknown = all.length - known.length;
  const { known: what, unknown: otherwise, never } = WORDS[does];
  if (known.length === 0) {
    const nobody = all.every(({ took }) => took === null);
    return `${otherwise} is not known: ${nobody ? "systemd did not tell" : never}`;
  }
  const rest = unknown === 0 ? "" : `; for how long is not known on ${unknown} of ${all.length}`;
  return `${what} ${range(known)}, as the last time${rest}`;
}

/** What is said of it where it is known and where it is not, and why nobody knows. */
const WORDS = {
  restart: { known: "down", unknown: "down for how long", never: "it has not been restarted since boot" },
  start: {
    known: "not up now, and comes up in",
    unknown: "not up now; in how long it comes up",
    // Systemd forgets those that neither run nor are enabled.
    never: "systemd knows of no start of it",
  },
  stop: { known: "stops in", unknown: "stops, after how long", never: "it has not been stopped since boot" },
} as const satisfies Record<Downtime["does"], object>;

function msOf(does: Downtime["does"], took: Downtime["took"]): number | null {
  if (took === null) return null;
  const { stopMs, startMs } = took;
  if (does === "stop") return stopMs;
  if (does === "start") return startMs;
  return stopMs === null || startMs === null ? null : stopMs + startMs;
}

function range(known: readonly number[]): string {
  const [least, most] = [rounded(Math.min(...known)), rounded(Math.max(...known))];
  return least === most ? `${least === "0.1" ? "less than" : "about"} ${most} s` : `about ${least} to ${most} s`;
}

/** Seconds by tenths, upwards, and by whole ones from ten on. */
const rounded = (ms: number): string =>
  ms > 10_000 ? `${Math.round(ms / 1000)}` : (Math.max(1, Math.ceil(ms / 100)) / 10).toFixed(1);
