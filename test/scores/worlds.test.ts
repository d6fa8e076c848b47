import { expect, test } from "vitest";
import { KINDS } from "../../src/scores/index.ts";
import { WORLDS } from "../../src/testing/index.ts";

test("each kind has a world that puts that very class to the contract", () => {
  const inWorlds = Object.entries(WORLDS).map(([name, { kind }]) => ({ name, kind }));
  expect(inWorlds).toEqual(KINDS.map((kind) => ({ name: kind.kind, kind })));
});
