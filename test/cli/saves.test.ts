import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Saves } from "../../src/cli/dev/saves.ts";
import { folder } from "./in-process.ts";

test("saves are told once for a burst of writes, not while a file is gone, and not for other files", async () => {
  const cwd = folder({ "a.ts": "1", "b.ts": "1" });
  const saved: number[] = [];
  const saves = new Saves(() => saved.push(saved.length));
  try {
    saves.watch([join(cwd, "a.ts")]);
    writeFileSync(join(cwd, "b.ts"), "2");
    rmSync(join(cwd, "a.ts"));
    await sleep(200);
    expect(saved).toHaveLength(0);
    writeFileSync(join(cwd, "a.ts"), "22");
    writeFileSync(join(cwd, "a.ts"), "333");
    for (let tries = 0; saved.length === 0 && tries < 250; tries += 1) await sleep(20);
    await sleep(200);
    expect(saved).toHaveLength(1);
    // A file that is watched from now on counts from how it is now.
    saves.watch([join(cwd, "a.ts"), join(cwd, "b.ts")]);
    writeFileSync(join(cwd, "b.ts"), "4444");
    for (let tries = 0; saved.length === 1 && tries < 250; tries += 1) await sleep(20);
    expect(saved).toHaveLength(2);
  } finally {
    saves.close();
  }
});
