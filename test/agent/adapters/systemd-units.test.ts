import { describe, expect, test } from "vitest";
import { timesBetween } from "../../../src/agent/adapters/systemd-units.ts";

const never = {
  InactiveExitTimestampMonotonic: 0,
  ActiveEnterTimestampMonotonic: 0,
  ActiveExitTimestampMonotonic: 0,
  InactiveEnterTimestampMonotonic: 0,
  NRestarts: 0,
};
/** Milliseconds of the four moments: start, up, stop, down. */
const at = (starting: number, started: number, stopping: number, stopped: number) => ({
  ...never,
  InactiveExitTimestampMonotonic: starting * 1000,
  ActiveEnterTimestampMonotonic: started * 1000,
  ActiveExitTimestampMonotonic: stopping * 1000,
  InactiveEnterTimestampMonotonic: stopped * 1000,
});

describe("how long a unit took the last time", () => {
  test.each([
    ["that never ran", never, { stopMs: null, startMs: null }],
    ["that was started alone", at(5000, 5200, 0, 0), { stopMs: null, startMs: 200 }],
    ["that was started anew", at(9100, 9400, 8000, 9100), { stopMs: 1100, startMs: 300 }],
    [
      "that was started anew an hour after its stop",
      at(3_609_100, 3_609_400, 8000, 9100),
      { stopMs: 1100, startMs: 300 },
    ],
    ["that was stopped", at(5000, 5200, 8000, 9100), { stopMs: 1100, startMs: 200 }],
    ["that is only stopping", at(5000, 5200, 8000, 0), { stopMs: null, startMs: 200 }],
    ["that is only stopping, after a turn before", at(5000, 5200, 8000, 4000), { stopMs: null, startMs: 200 }],
    ["that is only starting", at(9100, 5200, 8000, 9000), { stopMs: 1000, startMs: null }],
    ["whose start failed after a stop", at(12_000, 5200, 8000, 15_000), { stopMs: null, startMs: null }],
    ["that systemd started again", { ...at(9000, 10_000, 8900, 9000), NRestarts: 1 }, { stopMs: null, startMs: null }],
    [
      "in half milliseconds",
      { ...never, InactiveExitTimestampMonotonic: 1000, ActiveEnterTimestampMonotonic: 2600 },
      { stopMs: null, startMs: 2 },
    ],
  ])("of one %s", (_, moments, times) => {
    expect(timesBetween(moments)).toEqual(times);
  });
});
