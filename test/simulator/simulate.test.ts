import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { bundled, PLANTED } from "../../simulator/planted.ts";
import { run } from "../../simulator/run.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The command, from these sources or from a bundle. */
const simulate = (args: readonly string[], file = "simulator/main.ts") => {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["--conditions=harmony-edge-source", "--experimental-strip-types", file, ...args],
    { cwd: root, encoding: "utf8", timeout: 60_000 },
  );
  return { lines: stdout.trimEnd().split("\n"), stderr, status };
};

/** The command with a fault in the engine. */
async function simulateWith(name: string, args: readonly string[]) {
  const planted = PLANTED.find((each) => each.name === name);
  if (planted === undefined) throw new Error(`there is no fault "${name}"`);
  mkdirSync(join(root, "dist"), { recursive: true });
  const folder = mkdtempSync(join(root, "dist/.simulator-test-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "main.mjs");
  writeFileSync(file, await bundled("simulator/main.ts", planted));
  return simulate(args, file);
}

test("the first seeds come right, and between them they have seen each fault", async () => {
  const faults = new Set<string>();
  for (let seed = 1; seed <= 60; seed += 1) {
    const told = await run({ seed });
    expect(told).toMatchObject({ broken: null, trace: [] });
    for (const fault of told.faults) faults.add(fault);
  }
  expect(faults.size).toBe(14);
});

test("one seed is one run: it takes the same steps each time, whether it is traced or not", async () => {
  for (const seed of [3, 17, 29]) {
    const [first, second, quiet] = [
      await run({ seed, traced: true }),
      await run({ seed, traced: true }),
      await run({ seed }),
    ];
    expect(first.trace.length).toBeGreaterThan(50);
    expect(second).toEqual(first);
    expect(quiet).toEqual({ ...first, trace: [] });
  }
});

test("the command says how many seeds came right", () => {
  expect(simulate(["--seeds", "20", "--from", "5"])).toMatchObject({ lines: ["20 seeds, 0 broken"], status: 0 });
});

test("on a break it prints the trace and the seed, ends with 1, and the seed replays to the very same trace", async () => {
  const broken = await simulateWith("what was made first is removed first", ["--seeds", "500"]);
  expect(broken.status).toBe(1);
  const again = broken.lines.at(-1) ?? "";
  expect(again).toMatch(/^again: npm run simulate -- --seed \d+ --trace$/);
  expect(broken.lines.join("\n")).toMatch(/BROKEN {4}what was made last is removed first: /);
  expect(broken.lines).toContain("broken: what was made last is removed first");

  const seed = /--seed (\d+)/.exec(again)?.[1] ?? "";
  const replayed = await simulateWith("what was made first is removed first", ["--seed", seed, "--trace"]);
  expect(replayed).toMatchObject({ status: 1, lines: broken.lines.slice(0, -1) });
});

test("wrong usage is told, with 2", () => {
  expect(simulate(["--seeds", "many"])).toMatchObject({ status: 2, stderr: expect.stringContaining('"many" is not') });
  expect(simulate(["--trace"])).toMatchObject({ status: 2, stderr: expect.stringContaining("--trace needs --seed") });
  expect(simulate(["--without", "luck"])).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('there is no fault "luck"'),
  });
});
