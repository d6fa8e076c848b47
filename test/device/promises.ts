import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import * as z from "zod";
import type { Machine } from "./machine/machine.ts";

/** One line of what a program inside prints. */
const Kept = z.object({ name: z.string(), error: z.string().nullable() });
export type Kept = z.infer<typeof Kept>;

/** Bundles a program of `inside/`, which runs the contract next to the real thing, and tells what came of each promise. */
export async function promisesOn(machine: Machine, program: string, runs: number): Promise<readonly Kept[]> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL(`inside/${program}`, import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
  const file = `/root/${program.replace(/\.ts$/, ".mjs")}`;
  await machine.writeFile(file, bundled.outputFiles[0]?.text ?? "");
  const { code, out, err } = await machine.exec(["node", file, String(runs)], { timeoutMs: 280_000 });
  if (code !== 0) throw new Error(`the contract did not run: ${err}`);
  return out
    .trim()
    .split("\n")
    .map((line) => Kept.parse(JSON.parse(line)));
}
