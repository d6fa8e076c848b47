import { expect, test } from "vitest";
import { PLANTED, withPlanted } from "../../fuzz/planted.ts";
import { TARGETS } from "../../fuzz/targets.ts";

/** Each is found within seconds where nothing else runs; a run ends with what it finds. */
const SECONDS = 240;
const HANG_MS = 5000;

test.each(PLANTED)("the fuzzer $target finds: $name", { timeout: 300_000 }, async (planted) => {
  const finding = await withPlanted(planted, { seed: 1, seconds: SECONDS, hangMs: HANG_MS });
  expect(planted.as).toContain(finding?.kind);
});

test("each fuzzer has a fault to find", () => {
  expect(new Set(PLANTED.map(({ target }) => target))).toEqual(new Set(Object.keys(TARGETS)));
});
