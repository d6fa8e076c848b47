import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { expect, test } from "vitest";
import * as z from "zod";
import { contractOf } from "../../src/testing/contract.ts";
import type { World } from "../../src/testing/world.ts";
import type { Machine } from "./machine/machine.ts";
import type { realThings } from "./real-things.ts";

/** One line of what a program inside prints. */
const Kept = z.object({
  name: z.string(),
  ms: z.number(),
  error: z.string().nullable(),
});
export type Kept = z.infer<typeof Kept>;

/** A program of `inside/` in one file, for the machine's own Node. */
export async function bundled(program: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`inside/${program}`, import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
  return outputFiles[0]?.text ?? "";
}

/** Runs a program of `inside/`, which puts the contract to the real thing, and tells what came of each promise. */
export async function promisesOn(machine: Machine, program: string, argument: string): Promise<readonly Kept[]> {
  const file = `/root/${program.replace(/\.ts$/, ".mjs")}`;
  await machine.writeFile(file, await bundled(program));
  const { code, out, err } = await machine.exec(["node", file, argument], { timeoutMs: 280_000 });
  if (code !== 0) throw new Error(`the contract did not run: ${err}`);
  return out
    .trim()
    .split("\n")
    .map((line) => Kept.parse(JSON.parse(line)));
}

/** A test for each promise of the kind, by what was told of it inside. One that nothing was told of fails. */
export function testsOfPromises(world: World, tag: (typeof realThings)[number], kept: () => readonly Kept[]): void {
  test.for(contractOf(world).map(({ name }) => name))("%s", { tags: [tag] }, (name) => {
    const told = kept().find((each) => each.name === name);
    expect(told).toMatchObject({ error: null });
  });
}
