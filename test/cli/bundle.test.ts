import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";
import { natsServer } from "../support/nats-server.ts";
import { folder, harmony, manifestOf } from "./in-process.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const MOTD = readFileSync(join(root, "templates/kind/motd.ts"), "utf8");
const LIST = `import { FileScore } from "harmony-edge"; import { MotdScore } from "./motd.ts"; export default [FileScore, MotdScore] as const;`;

/** A repository of somebody's own, with what is installed there. */
function repository(files: Readonly<Record<string, string>>): string {
  const cwd = folder({ "motd.ts": MOTD, "kinds.ts": LIST, ...files });
  mkdirSync(join(cwd, "node_modules"));
  for (const name of ["zod", "typescript", "@typescript", "@types", "@noble", "ts-pattern"]) {
    symlinkSync(join(root, "node_modules", name), join(cwd, "node_modules", name));
  }
  return cwd;
}

describe("harmony bundle", () => {
  test.each([
    ["", "there is no default export: write `export default [FileScore, MotdScore] as const`"],
    ["export default 7;", "the default export is no list of kinds"],
    ["export default [];", "the list is empty"],
    [
      `import { FileScore } from "harmony-edge"; export default [FileScore, class {}];`,
      "number 2 of the list is no kind: a kind is a class that extends Score(...)",
    ],
    [
      `import { MotdScore } from "./motd.ts"; export default [MotdScore, MotdScore];`,
      "Motd@1 is in the list twice: a kind and its version mean one class",
    ],
    [
      `import { MotdScore } from "./motd.ts"; export default [class extends MotdScore { static override readonly kind = "File" as never }];`,
      "File is a kind of Harmony's own: give yours another name",
    ],
    ['throw new Error("no luck");', "kinds.ts:1:7: no luck"],
    ["export default [", "kinds.ts:"],
  ])("refuses a list that is %j", async (text, message) => {
    const cwd = repository({ "kinds.ts": text });
    const ran = await harmony(["bundle", "--kinds", "kinds.ts", "--no-check"], { cwd });
    expect(ran).toMatchObject({ code: 2, out: "", err: expect.stringContaining(message) });
    expect(existsSync(join(cwd, "agent.cjs"))).toBe(false);
  });

  test("needs to be told which kinds, and says where a file is missing", async () => {
    const cwd = repository({});
    expect(await harmony(["bundle"], { cwd })).toMatchObject({ code: 2, err: expect.stringContaining("--kinds") });
    expect(await harmony(["bundle", "--kinds", "none.ts"], { cwd })).toMatchObject({
      code: 2,
      err: expect.stringContaining("none.ts: there is no such file"),
    });
  });

  test("refuses what the compiler refuses, by its place", async () => {
    const cwd = repository({ "kinds.ts": `${LIST}\nconst wrong: number = "text";\nconsole.log(wrong);` });
    const ran = await harmony(["bundle", "--kinds", "kinds.ts"], { cwd });
    expect(ran).toMatchObject({ code: 1, out: "", err: expect.stringMatching(/kinds\.ts:2:7: TS2322: /) });
    expect(readdirSync(cwd).filter((name) => name.endsWith(".cjs"))).toEqual([]);
  });

  test("leaves in its place the agent that works, where the next one does not", async () => {
    const cwd = repository({
      "kinds.ts": `${LIST}\nif (!(Symbol.for("harmony-edge.cli") in globalThis)) throw new Error("not on a device");`,
    });
    writeFileSync(join(cwd, "agent.cjs"), "the one that works");
    const ran = await harmony(["bundle", "--kinds", "kinds.ts", "--no-check"], { cwd });
    expect(ran).toMatchObject({
      code: 1,
      err: expect.stringContaining("agent.cjs was not written: it does not start: Error: not on a device"),
    });
    expect(readFileSync(join(cwd, "agent.cjs"), "utf8")).toBe("the one that works");
    expect(readdirSync(cwd).filter((name) => name.endsWith(".cjs"))).toEqual(["agent.cjs"]);
  });

  test("makes an agent that has the kind on a device, says what each part weighs, and knows no other kind", async () => {
    const cwd = repository({
      "motd-site.ts": `import { manifest, PiTopology } from "harmony-edge"; import { MotdScore } from "./motd.ts";
export default manifest(PiTopology, { motd: new MotdScore({ text: "hello" }) });`,
      "directory.ts": `import { DirectoryScore, manifest, PiTopology } from "harmony-edge";
export default manifest(PiTopology, { www: new DirectoryScore({ path: "/srv" }) });`,
      "file.ts": manifestOf({ a: ["/srv/a", "1"] }),
    });
    const made = await harmony(["bundle", "--kinds", "kinds.ts", "-o", "out/agent.cjs"], { cwd });
    expect(made).toMatchObject({ code: 0, err: expect.stringContaining("node out/agent.cjs run --id ID") });
    expect(made.out).toMatch(/^PART +BYTES +IS\nFile@1 +\d+ +a kind of Harmony's own\nMotd@1 +\d+ +motd\.ts\n/);
    const told = await harmony(["bundle", "--kinds", "kinds.ts", "--no-check", "--json"], { cwd });
    const document: { bytes: number; gzippedBytes: number; kinds: { bytes: number }[]; coreBytes: number } = JSON.parse(
      told.out,
    );
    expect(document).toMatchObject({
      file: join(cwd, "agent.cjs"),
      kinds: [
        { kind: "File", version: 1, requires: ["FileSystemHost"], file: null },
        { kind: "Motd", version: 1, requires: ["FileSystemHost"], file: join(cwd, "motd.ts") },
      ],
      capabilities: [{ name: "FileSystemHost" }],
    });
    expect(document.bytes).toBe(readFileSync(join(cwd, "agent.cjs")).length);
    expect(readFileSync(join(cwd, "out/agent.cjs"))).toEqual(readFileSync(join(cwd, "agent.cjs")));

    const { url } = await natsServer();
    const device = folder({ "etc/motd.d/theirs": "theirs\n" });
    const words = [join(cwd, "out/agent.cjs"), "run", "--id", "pi-7", "--root", device, "--server", url];
    const child = spawn(process.execPath, words, { stdio: ["ignore", "ignore", "pipe"] });
    const ended = new Promise<number | null>((tell) => child.once("close", tell));
    onTestFinished(async () => {
      child.kill("SIGKILL");
      await ended;
    });
    let log = "";
    child.stderr.on("data", (text) => (log += String(text)));
    const run = (...argv: string[]) => harmony(argv, { cwd, env: { HARMONY_SERVER: url } });
    const first = await run("apply", "file.ts", "--agent", "pi-7");
    expect([first, log]).toEqual([expect.objectContaining({ code: 0 }), expect.any(String)]);
    expect(await run("check", "motd-site.ts", "--fleet")).toMatchObject({ code: 0 });
    expect(await run("plan", "motd-site.ts", "--agent", "pi-7")).toMatchObject({ code: 0 });
    expect(await run("apply", "motd-site.ts", "--agent", "pi-7")).toMatchObject({ code: 0 });
    expect(readFileSync(join(device, "etc/motd.d/motd"), "utf8")).toBe("  hello\n");
    expect(JSON.parse((await run("status", "pi-7", "--json")).out)).toMatchObject({
      scores: { motd: { kind: "Motd", version: 1, state: "Ready" } },
    });
    // A kind that it was not linked with is refused before it is shipped, by name.
    expect(await run("apply", "directory.ts", "--agent", "pi-7")).toMatchObject({
      code: 1,
      err: expect.stringContaining("agent pi-7 does not know the kind Directory; it knows File, Motd"),
    });
    expect(await run("apply", "file.ts", "--agent", "pi-7")).toMatchObject({ code: 0 });
    expect(readdirSync(join(device, "etc/motd.d"))).toEqual(["theirs"]);
    child.kill("SIGTERM");
    expect(await ended).toBe(0);
  });
});

test("harmony kinds --kinds tells of those that a list has", async () => {
  const cwd = repository({});
  const all = await harmony(["kinds", "--kinds", "kinds.ts"], { cwd });
  expect(all).toMatchObject({ code: 0, out: expect.stringMatching(/Motd +1 +FileSystemHost/) });
  expect(all.out).not.toContain("Container");
  const one = await harmony(["kinds", "--kinds", "kinds.ts", "Motd", "--json"], { cwd });
  expect(JSON.parse(one.out)).toMatchObject({ kind: "Motd", version: 1, spec: { properties: { text: {} } } });
  expect(await harmony(["kinds", "--kinds", "kinds.ts", "Mott"], { cwd })).toMatchObject({
    code: 2,
    err: expect.stringContaining("Did you mean Motd?"),
  });
  expect(await harmony(["kinds", "--kinds", "none.ts"], { cwd })).toMatchObject({ code: 2 });
});
