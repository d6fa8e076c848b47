import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { beforeAll, expect, test } from "vitest";
import * as z from "zod";
import { systemdHostContract } from "../capabilities/systemd-host.contract.ts";
import { onMachines, suiteMachines } from "./machine/for-tests.ts";
import type { Machine } from "./machine/machine.ts";

/** One line of what the programs inside print. */
const Kept = z.object({ name: z.string(), ms: z.number(), error: z.string().nullable() });
type Kept = z.infer<typeof Kept>;

onMachines("the systemd kinds, on a real systemd", () => {
  const boot = suiteMachines();
  let kept: readonly Kept[] = [];

  beforeAll(async () => {
    // Two machines, because one waits for its services most of the time.
    const [units, services, timers] = await Promise.all([boot(), boot(), boot()]);
    kept = (
      await Promise.all([
        inside(units, "main", "SystemdUnit"),
        inside(services, "main", "SystemdService"),
        inside(timers, "main", "SystemdTimer").then(async (told) => [...told, ...(await inside(timers, "port", ""))]),
      ])
    ).flat();
  }, 300_000);

  const broken = (about: string, atLeast: number): readonly Kept[] => {
    const own = kept.filter(({ name }) => name.startsWith(about));
    expect(own.length).toBeGreaterThanOrEqual(atLeast);
    return own.filter(({ error }) => error !== null);
  };

  test.each(["SystemdService", "SystemdTimer", "SystemdUnit"])(
    "%s keeps every promise of the contract that can be told from outside",
    { tags: ["systemd"] },
    (kind) => expect(broken(`${kind}@`, 9)).toEqual([]),
  );

  test("the adapter keeps the contract of its port", { tags: ["systemd"] }, () => {
    expect(broken("port: ", systemdHostContract.length)).toEqual([]);
  });

  test("it asks little, misses nothing, and comes back after the bus was away", { tags: ["systemd"] }, () => {
    expect(broken("adapter: ", 7)).toEqual([]);
  });
});

/** What is to be told of systemd runs inside, next to the bus. */
async function inside(machine: Machine, program: "main" | "port", only: string): Promise<readonly Kept[]> {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL(`inside/${program}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    platform: "node",
    target: "node20",
    format: "esm",
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    logLevel: "silent",
  });
  const path = `/root/${program}.mjs`;
  await machine.writeFile(path, bundled.outputFiles[0]?.text ?? "");
  const { code, out, err } = await machine.exec(["node", path, only], { timeoutMs: 280_000 });
  if (code !== 0) throw new Error(`${program} did not run: ${err}`);
  return out
    .trim()
    .split("\n")
    .map((line) => Kept.parse(JSON.parse(line)));
}
