import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { build } from "../scripts/build.mjs";
import { KINDS } from "../src/scores/index.ts";
import { PiWithAuditedShellTopology } from "../src/topology/pi-with-audited-shell.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
// Inside the project, because the libraries and the command line load packages from its node_modules.
mkdirSync(join(root, "dist"), { recursive: true });
const outdir = mkdtempSync(join(root, "dist/.bundle-test-"));
let built: Awaited<ReturnType<typeof build>>;

beforeAll(async () => {
  built = await build(["agent", "cli", "lib"], outdir);
});
afterAll(() => rmSync(outdir, { recursive: true, force: true }));

function ownInputs(target: keyof typeof built): string[] {
  return Object.keys(built[target]?.inputs ?? {}).filter((path) => path.startsWith("src/"));
}

/** What the bundle exports when Node loads it: the sources pass every other test, only this runs what is shipped. */
function exportsOf(file: string): { stdout: string; stderr: string } {
  const script = `import(${JSON.stringify(join(outdir, file))}).then((m) => console.log(Object.keys(m).join()))`;
  const { stdout, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 15_000 });
  return { stdout: stdout.trim(), stderr };
}

test("the agent's bundle holds no file of the control plane, the tools or the tests", () => {
  const inputs = ownInputs("agent");
  expect(inputs).toContain("src/agent/main.ts");
  expect(inputs.filter((path) => /^src\/(fleet|check|cli|dashboard|testing)\//.test(path))).toEqual([]);
});

test("the command line holds no file of the agent, and no library reaches one", () => {
  expect(ownInputs("cli")).toContain("src/cli/main.ts");
  expect(ownInputs("cli").filter((path) => path.startsWith("src/agent/"))).toEqual([]);
  const inputs = built.lib?.inputs ?? {};
  const reached = new Set<string>();
  const open = ["src/index.ts", "src/testing/index.ts", "src/check/index.ts"];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const imported = (inputs[path]?.imports ?? []).filter((each) => each.path.startsWith("."));
    for (const each of imported) open.push(join(dirname(path), each.path.replace(/\.js$/, ".ts")));
  }
  expect(reached.size).toBeGreaterThan(100);
  expect([...reached].filter((path) => path.startsWith("src/agent/") || inputs[path] === undefined)).toEqual([]);
});

test("each module of a library is a file, so that a class is the same one whichever library it is imported from", () => {
  const files = readdirSync(join(outdir, "lib"), { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".js"),
  );
  expect(files.map((file) => `src/${file.slice(0, -3)}.ts`).toSorted()).toEqual(ownInputs("lib").toSorted());
  const classes = `
    const [all, testing] = await Promise.all(["index.js", "testing/index.js"].map((f) => import(${JSON.stringify(join(outdir, "lib"))} + "/" + f)));
    const file = await import(${JSON.stringify(join(outdir, "lib/scores/file.js"))});
    console.log(all.FileScore === file.FileScore, typeof testing.contractOf);`;
  const ran = spawnSync(process.execPath, ["--input-type=module", "-e", classes], {
    encoding: "utf8",
    timeout: 30_000,
  });
  expect(ran.stdout.trim()).toBe("true function");
});

test("no module but the one that package.json names does anything by being imported", () => {
  const read: { sideEffects: string[] } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  expect(read.sideEffects.filter((path) => path.startsWith("./src/"))).toEqual(["./src/agent/adapters/small-heap.ts"]);
  const bare = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) =>
      [...readFileSync(join(root, "src", file), "utf8").matchAll(/^import "(.+)";$/gm)].map(
        ([, name]) => `${file}: ${name}`,
      ),
    );
  // The second is a package, which says itself that it has to be run.
  expect(bare.toSorted()).toEqual([
    "agent/container.ts: reflect-metadata/lite",
    "agent/main.ts: ./adapters/small-heap.ts",
  ]);
});

test("run as a program, the agent's bundle is the agent", () => {
  const run = (...words: string[]) =>
    spawnSync(process.execPath, [join(outdir, "agent.cjs"), ...words], { encoding: "utf8", timeout: 30_000 });
  const told: { kinds: { kind: string }[]; capabilities: string[] } = JSON.parse(run("kinds", "--json").stdout);
  expect(told.kinds.map(({ kind }) => kind)).toEqual(KINDS.map(({ kind }) => kind));
  expect(told.capabilities).toEqual(PiWithAuditedShellTopology.offers.map(({ name }) => name));
  expect(run("kinds").stdout).toContain("File@1 requires FileSystemHost\n");
  expect(run("kinds", "all")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringContaining("kinds takes --json"),
  });
  expect(run("fly")).toMatchObject({ status: 2, stdout: "" });
});

test.each(["agent.cjs", "cli.js"])("the built %s loads and offers main", (file) => {
  expect(exportsOf(file)).toEqual({ stdout: expect.stringMatching(/\bmain\b/), stderr: "" });
});

test("V8 keeps one byte of each character of the agent's source, not two", () => {
  expect(readFileSync(join(outdir, "agent.cjs")).filter((byte) => byte > 127)).toHaveLength(0);
});

/** Some 5 MiB are always in use and 150 MiB become garbage, as much of it old as V8 makes of it. */
const CHURN = `
const ring = [];
let most = 0;
for (let nth = 0; nth < 4000; nth += 1) {
  ring[nth % 128] = Array.from({ length: 1000 }, (_, of) => ({ of }));
  most = Math.max(most, process.memoryUsage().heapTotal);
}
console.log(most / 2 ** 20);`;

test("where the agent is loaded, V8's heap stays close to what is in use", () => {
  const script = `require(${JSON.stringify(join(outdir, "agent.cjs"))});${CHURN}`;
  const most = (): number =>
    Number(spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: 15_000 }).stdout);
  // 32 with the flags of small-heap.ts; without them 54, on Node 20 even 81. V8 collects beside the program, and so later
  // where others have the processors: the least of several runs tells what the flags do.
  let least = most();
  for (let more = 0; more < 11 && least >= 42; more += 1) least = Math.min(least, most());
  expect(least).toBeGreaterThan(15);
  expect(least).toBeLessThan(42);
});

test("every library that package.json promises is built and loads", () => {
  const promised = [...readFileSync(join(root, "package.json"), "utf8").matchAll(/"default": "\.\/dist\/(.+)"/g)];
  const names = promised.map(([, file = ""]) => file);
  expect(names).toHaveLength(3);
  for (const name of names) expect(exportsOf(name)).toEqual({ stdout: expect.stringMatching(/\w/), stderr: "" });
});
