import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A clone in small: the real launcher and build, and sources that say who they are and what they were given. */
async function clone(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "harmony-test-clone-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const path of ["bin/harmony.js", "scripts/build.mjs", "package.json", "package-lock.json"]) {
    await cp(join(root, path), join(folder, path));
  }
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await write(folder, "src/agent/main.ts", says("agent"));
  await write(folder, "src/cli/main.ts", says("cli"));
  return folder;
}

function says(name: string): string {
  return `export async function main(argv: string[]): Promise<number> { console.log("${name}", ...argv); return 3; }`;
}

async function write(folder: string, path: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
}

/** File systems keep times coarsely: an edit right after a build could bear the same time. */
async function edit(folder: string, path: string, text: string): Promise<void> {
  const later = new Date(Date.now() + 5_000);
  await write(folder, path, text);
  await utimes(join(folder, path), later, later);
}

interface Ran {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

async function harmony(folder: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const launcher = join(folder, "bin/harmony.js");
    execFile(process.execPath, [launcher, ...args], { timeout: 15_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

test("a fresh clone builds itself, hands on the arguments and the exit code, and prints nothing of its own", async () => {
  const folder = await clone();
  expect(await harmony(folder, "status", "--json")).toEqual({ code: 3, stdout: "cli status --json\n", stderr: "" });
});

test("`harmony agent` gets what follows, and needs no command line", async () => {
  const folder = await clone();
  await write(folder, "src/cli/main.ts", "this does not compile");
  expect(await harmony(folder, "agent", "run")).toEqual({ code: 3, stdout: "agent run\n", stderr: "" });
  expect(await readdir(join(folder, "dist"))).toEqual(["agent.cjs"]);
});

test("a changed source is built again, an unchanged one is not", async () => {
  const folder = await clone();
  await harmony(folder, "status");
  await write(folder, "dist/cli.js", says("kept").replace(/: \w+\[\]|: Promise<number>/g, ""));
  expect((await harmony(folder, "status")).stdout).toBe("kept status\n");
  await edit(folder, "src/cli/main.ts", says("changed"));
  expect((await harmony(folder, "status")).stdout).toBe("changed status\n");
});

test("several that start at once in a fresh clone all run, and leave no temporary folder", async () => {
  const folder = await clone();
  const ran = await Promise.all([1, 2, 3, 4].map(async (n) => harmony(folder, String(n))));
  expect(ran.map(({ stdout }) => stdout)).toEqual(["cli 1\n", "cli 2\n", "cli 3\n", "cli 4\n"]);
  expect((await readdir(join(folder, "dist"))).toSorted()).toEqual(["agent.cjs", "cli.js", "lib"]);
});

test("sources that do not build are exit code 2 with the place, even where an older bundle lies", async () => {
  const folder = await clone();
  await harmony(folder, "status");
  await edit(folder, "src/cli/main.ts", "export const main = ;");
  const { code, stdout, stderr } = await harmony(folder, "status");
  expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  expect(stderr).toContain("src/cli/main.ts:1:20");
});

test("an installed package has no sources and loads its bundles as they are", async () => {
  const folder = await clone();
  await harmony(folder, "status");
  for (const path of ["src", "scripts", "node_modules"]) await rm(join(folder, path), { recursive: true });
  expect((await harmony(folder, "status")).stdout).toBe("cli status\n");
  expect((await harmony(folder, "agent", "run")).stdout).toBe("agent run\n");
});
