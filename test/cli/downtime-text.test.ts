import { describe, expect, test } from "vitest";
import { downtimeText } from "../../src/cli/downtime-text.ts";
import type { Downtime } from "../../src/wire/status.ts";

const of = (does: Downtime["does"], took: Downtime["took"]): Downtime => ({ unit: "web.service", does, took });
const restart = (stopMs: number | null, startMs: number | null): Downtime => of("restart", { stopMs, startMs });

describe("for how long a unit is down", () => {
  test.each([
    [[restart(1100, 250)], "down about 1.4 s, as the last time"],
    [[restart(20, 30)], "down less than 0.1 s, as the last time"],
    [[restart(60_000, 14_600)], "down about 75 s, as the last time"],
    [[restart(null, 250)], "down for how long is not known: it has not been restarted since boot"],
    [[of("restart", null)], "down for how long is not known: systemd did not tell"],
    [[of("start", { stopMs: null, startMs: 300 })], "not up now, and comes up in about 0.3 s, as the last time"],
    [[of("stop", { stopMs: 1000, startMs: null })], "stops in about 1.0 s, as the last time"],
    [
      [of("stop", { stopMs: null, startMs: 1 })],
      "stops, after how long is not known: it has not been stopped since boot",
    ],
    [
      [of("start", { stopMs: 1, startMs: null })],
      "not up now; in how long it comes up is not known: systemd knows of no start of it",
    ],
    [[restart(900, 100), restart(1100, 250)], "down about 1.0 to 1.4 s, as the last time"],
    [
      [restart(900, 100), restart(null, 1), of("restart", null)],
      "down about 1.0 s, as the last time; for how long is not known on 2 of 3",
    ],
  ] as const)("%j: %s", (all, text) => {
    expect(downtimeText(all)).toBe(text);
  });
});
