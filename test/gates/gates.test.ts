import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { type Plant, PLANTS } from "./planted.ts";

const gates = (...args: readonly string[]) =>
  spawnSync(process.execPath, ["--conditions=harmony-edge-source", "test/gates/main.ts", ...args], {
    encoding: "utf8",
    timeout: 240_000,
  });

test("the compiler, the checker and the agent say the same of random Scores", () => {
  const { stdout, stderr, status } = gates("--cases", "120");
  expect({ stdout, stderr: status === 0 ? "" : stderr, status }).toEqual({
    stdout: "120 cases, 0 disagreements\n",
    stderr: "",
    status: 0,
  });
}, 240_000);

/** One mistake in each gate; `npm run test:gates -- --plant NAME` knows more. */
test.each<[plant: Plant, says: RegExp]>([
  ["the compiler forgets a capability", /the compiler says nothing, the checker says .*requires PacketFilter/],
  ["the checker does not look at versions", /the checker says .*, the agent says .*UnsupportedVersion/],
  ["the agent lets pass what its host turned out not to have", /the compiler says .*, the agent says nothing/],
])(
  "where %s, that is found, and a manifest of one Score shows it",
  (plant, says) => {
    const { stdout, status } = gates("--cases", "120", "--seed", "1", "--plant", plant);
    expect(stdout).toMatch(/^120 cases, [1-9]\d* disagreements\n/);
    expect(stdout).toMatch(says);
    expect(stdout.match(/^const score\d+ = /gm)).toHaveLength(1);
    expect(stdout).toMatch(/\nagain: npm run test:gates -- --cases 120 --seed 1\n$/);
    expect(status).toBe(1);
  },
  240_000,
);

test("a mistake that is not known, or a number that is none, is wrong usage", () => {
  expect(gates("--plant", "none")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringContaining(`there is no plant "none"`),
  });
  expect(gates("--cases", "0")).toMatchObject({ status: 2, stdout: "" });
  expect(Object.keys(PLANTS).length).toBeGreaterThan(3);
});
