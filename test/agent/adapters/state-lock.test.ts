import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockState } from "../../../src/agent/adapters/state-lock.ts";

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "harmony-lock-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("a directory is held by one at a time, and is free again once it is let go", async () => {
  const path = await directory();
  const first = await lockState(path);
  expect(await lockState(path)).toEqual({ _tag: "Taken", pid: process.pid, file: join(path, "lock") });
  if (first._tag === "Locked") await first.unlock();
  expect(await lockState(path)).toMatchObject({ _tag: "Locked" });
  expect(await readdir(path)).toEqual(["lock"]);
});

test.each([
  ["a process that is gone", async () => `${await deadPid()} 12345 boot`],
  ["a process that has another's number since", async () => `${process.pid} 1 ${await bootId()}`],
  ["this process before a reboot", async () => (await ownHolder()).replace(/\S+$/, "another-boot")],
  ["nobody, being empty", async () => ""],
  ["nobody, being garbage", async () => "\0\0\0"],
])("a lock that was left by %s is taken over", async (_, left) => {
  const path = await directory();
  await writeFile(join(path, "lock"), await left());
  expect(await lockState(path)).toMatchObject({ _tag: "Locked" });
});

test("of many that start at once over a stale lock one alone gets it", async () => {
  const path = await directory();
  for (let round = 0; round < 100; round += 1) {
    await writeFile(join(path, "lock"), `${await deadPid()} 1 boot`);
    const all = await Promise.all(Array.from({ length: 8 }, async () => lockState(path)));
    const got = all.filter((each) => each._tag === "Locked");
    expect(got).toHaveLength(1);
    for (const each of got) await each.unlock();
  }
});

test("a take-over that was cut short is itself taken over", async () => {
  const path = await directory();
  const left = `${await deadPid()} 1 boot`;
  await writeFile(join(path, "lock"), left);
  const name = createHash("sha256").update(left).digest("hex").slice(0, 16);
  await writeFile(join(path, `lock.${name}`), `${await deadPid()} 2 boot`);
  expect(await lockState(path)).toMatchObject({ _tag: "Locked" });
  expect(await readdir(path)).toEqual(["lock"]);
});

test("who was overtaken does not let go of what another holds", async () => {
  const path = await directory();
  const first = await lockState(path);
  await writeFile(join(path, "lock"), "1 2 another");
  if (first._tag === "Locked") await first.unlock();
  expect(await readFile(join(path, "lock"), "utf8")).toBe("1 2 another");
});

let dead: number | undefined;
/** The number of a process that has ended. */
async function deadPid(): Promise<number> {
  if (dead !== undefined) return dead;
  const child = spawn("true");
  await once(child, "exit");
  return (dead = child.pid ?? 0);
}
const bootId = async (): Promise<string> => (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
async function ownHolder(): Promise<string> {
  const path = await directory();
  await lockState(path);
  return readFile(join(path, "lock"), "utf8");
}
