import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, describe, expect, test } from "vitest";
import * as z from "zod";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";

/** Cases for each promise: each is a machine's real systemd writing, loading and starting units. */
const RUNS = 1;

/** One line of what the program inside prints. */
const Kept = z.object({ name: z.string(), error: z.string().nullable() });
type Kept = z.infer<typeof Kept>;

onMachines("the systemd kinds, on a real systemd", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    const machine = await boot();
    kept = await promisesOn(machine);
  }, 300_000);

  describe.each(["SystemdService", "SystemdTimer", "SystemdUnit"])("%s", (kind) => {
    test("keeps every promise of the contract that can be told from outside", { tags: ["systemd"] }, () => {
      const own = kept.filter(({ name }) => name.startsWith(`${kind}@`));
      expect(own.length).toBeGreaterThanOrEqual(6);
      expect(own.filter(({ error }) => error !== null)).toEqual([]);
    });
  });
});

/** The contract runs inside, next to the bus. */
async function promisesOn(machine: Machine): Promise<readonly Kept[]> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL("inside/main.ts", import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
  await machine.writeFile("/root/contract.mjs", bundled.outputFiles[0]?.text ?? "");
  const { code, out, err } = await machine.exec(["node", "/root/contract.mjs", String(RUNS)], { timeoutMs: 280_000 });
  if (code !== 0) throw new Error(`the contract did not run: ${err}`);
  return out
    .trim()
    .split("\n")
    .map((line) => Kept.parse(JSON.parse(line)));
}
