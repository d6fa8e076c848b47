import { expect, test } from "vitest";
import { isOver } from "../../src/agent/contention.ts";

const contested = { inARow: 3, since: "2026-01-01T00:00:00.000Z", last: "2026-01-01T00:10:00.000Z" };

test("contested is over a quarter of an hour later, also by a clock that was set back", () => {
  expect(isOver(contested, new Date("2026-01-01T00:20:00.000Z"))).toBe(false);
  expect(isOver(contested, new Date("2026-01-01T00:26:00.000Z"))).toBe(true);
  expect(isOver(contested, new Date("1970-01-01T00:00:00.000Z"))).toBe(true);
});
