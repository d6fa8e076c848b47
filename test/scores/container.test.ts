import { describe, expect, test } from "vitest";
import { contractOf, WORLDS } from "../../src/testing/index.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.Container))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});
