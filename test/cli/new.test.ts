import { execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { packageRoot } from "../../src/cli/package-root.ts";
import { VERSION } from "../../src/wire/version.ts";
import { folder, harmony } from "./in-process.ts";

const root = packageRoot();
const FILES = [
  ".github/workflows/harmony.yml",
  ".gitignore",
  "README.md",
  "kinds.ts",
  "package.json",
  "site.ts",
  "tsconfig.json",
];

const PackageJson = z.object({
  engines: z.object({ node: z.string() }),
  scripts: z.record(z.string(), z.string()),
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
});

const read = (...path: readonly string[]): string => readFileSync(join(...path), "utf8");

/** All files below a folder, by their paths in it. */
const filesIn = (at: string): readonly string[] =>
  readdirSync(at, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(at.length + 1))
    .toSorted();

/** A new repository where this package's own packages are found, as after its `npm install`. */
async function repository(...kinds: readonly string[]): Promise<string> {
  mkdirSync(join(root, "dist"), { recursive: true });
  const at = mkdtempSync(join(root, "dist/.new-test-"));
  onTestFinished(() => rmSync(at, { recursive: true, force: true }));
  expect(await harmony(["new", "fleet"], { cwd: at })).toMatchObject({ code: 0 });
  for (const name of kinds) expect(await harmony(["new", "kind", name], { cwd: at })).toMatchObject({ code: 0 });
  return at;
}

describe("new fleet", () => {
  test("writes a repository, tells what is in it and what to do next", async () => {
    const cwd = folder();
    const { code, out, err } = await harmony(["new", "fleet", "Our Fleet"], { cwd });
    expect({ code, out }).toEqual({ code: 0, out: "" });
    expect(filesIn(join(cwd, "Our Fleet"))).toEqual(FILES);
    for (const file of FILES) expect(err).toContain(file);
    expect(err).toMatch(/Next:\n {2}cd Our Fleet\n {2}npm install\n/);
    expect(JSON.parse(read(cwd, "Our Fleet/package.json"))).toMatchObject({ name: "our-fleet", private: true });
    expect(read(cwd, "Our Fleet/README.md")).toMatch(/^# our-fleet\n/);
  });

  test("in this folder, beside what is there, and with --json one document", async () => {
    const cwd = folder({ LICENSE: "ours", ".github/CODEOWNERS": "us" });
    const { code, out } = await harmony(["new", "fleet", "--json"], { cwd });
    expect({ code, document: JSON.parse(out) }).toEqual({
      code: 0,
      document: { directory: cwd, files: expect.arrayContaining(FILES) },
    });
    expect(filesIn(cwd)).toEqual([...FILES, "LICENSE", ".github/CODEOWNERS"].toSorted());
  });

  test.each([
    ["package.json", ["package.json"]],
    [".gitignore", [".gitignore"]],
    // No folder, and so nothing can be written below it.
    [".github", [".github"]],
  ])("overwrites nothing: %s is named, and nothing is written", async (there, named) => {
    const cwd = folder({ [there]: "ours" });
    const { code, out, err } = await harmony(["new", "fleet"], { cwd });
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toContain(`error: ${named.join(", ")} would be overwritten in ${cwd}`);
    expect([filesIn(cwd), read(cwd, there)]).toEqual([[there], "ours"]);
  });

  test("a link that leads nowhere is in the way as well, and a file is no folder", async () => {
    const cwd = folder({ file: "ours" });
    symlinkSync("nowhere", join(cwd, "site.ts"));
    expect((await harmony(["new", "fleet"], { cwd })).err).toContain("error: site.ts would be overwritten");
    expect(filesIn(cwd)).toEqual(["file", "site.ts"]);
    expect(await harmony(["new", "fleet", "file"], { cwd })).toMatchObject({
      code: 1,
      err: expect.stringContaining("/file is no folder"),
    });
  });

  test("goes by the versions that this package itself goes by", async () => {
    const cwd = folder();
    await harmony(["new", "fleet"], { cwd });
    const [made, own] = [cwd, root].map((at) => PackageJson.parse(JSON.parse(read(at, "package.json"))));
    const { typescript, vitest: _, ...others } = made?.devDependencies ?? {};
    const { "harmony-edge": ours, ...needed } = made?.dependencies ?? {};
    expect([ours, made?.engines]).toEqual([`^${VERSION}`, own?.engines]);
    expect(own?.dependencies).toMatchObject(needed);
    expect(own?.devDependencies).toMatchObject({
      ...others,
      "@typescript/native": `npm:typescript@${typescript?.replace("^", "")}`,
    });
  });
});

describe("new kind", () => {
  test("writes a kind and its contract test, and puts it into kinds.ts, from a folder below too", async () => {
    const at = await repository();
    chmodSync(join(at, "kinds.ts"), 0o640);
    mkdirSync(join(at, "docs"));
    const { code, out } = await harmony(["new", "kind", "DoorSign", "--json"], { cwd: join(at, "docs") });
    expect({ code, document: JSON.parse(out) }).toEqual({
      code: 0,
      document: {
        kind: "DoorSign",
        class: "DoorSignScore",
        directory: at,
        files: ["kinds/door-sign.ts", "kinds/door-sign.test.ts"],
        kindsFile: "kinds.ts",
        isInKindsFile: true,
        add: [],
      },
    });
    expect(read(at, "kinds/door-sign.ts")).toContain('export class DoorSignScore extends Score(\n  "DoorSign",');
    expect(read(at, "kinds/door-sign.ts")).toContain("`${DIRECTORY}/door-sign`");
    expect(read(at, "kinds/door-sign.test.ts")).toContain('from "./door-sign.ts"');
    expect(read(at, "kinds.ts")).toContain("export default [DirectoryScore, FileScore, DoorSignScore] as const;");
    expect(statSync(join(at, "kinds.ts")).mode & 0o777).toBe(0o640);
    expect(readdirSync(at).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("under the name of the guide's kind it is the guide's, to the letter", async () => {
    const at = await repository("Motd");
    for (const file of ["motd.ts", "motd.test.ts"]) {
      expect(read(at, "kinds", file)).toBe(read(root, "templates/kind", file));
    }
  });

  test("a kinds.ts that was made into something else is left alone, and the lines to add are told", async () => {
    const at = await repository();
    const own = 'import { KINDS } from "harmony-edge";\n\nexport default [...KINDS] as const;\n';
    writeFileSync(join(at, "kinds.ts"), own);
    const { code, err } = await harmony(["new", "kind", "Motd"], { cwd: at });
    expect([code, read(at, "kinds.ts")]).toEqual([0, own]);
    expect(err).toContain(
      'kinds.ts is not as harmony new makes it, and was left alone. Add there:\n  import { MotdScore } from "./kinds/motd.ts";\n',
    );
    expect(err).toContain("export default [..., MotdScore] as const;");
    expect(existsSync(join(at, "kinds/motd.test.ts"))).toBe(true);
    const json = await harmony(["new", "kind", "Other", "--json"], { cwd: at });
    expect(JSON.parse(json.out)).toMatchObject({
      isInKindsFile: false,
      add: ['import { OtherScore } from "./kinds/other.ts";', "export default [..., OtherScore] as const;"],
    });
  });

  test.each([
    ["a kind that is there", "Motd", 1, /kinds\.ts has a MotdScore already/],
    ["a file that is there", "DoorSign", 1, /kinds\/door-sign\.test\.ts would be overwritten/],
    ["a kind of Harmony's own", "File", 2, /File is a kind that Harmony brings along[^]*harmony kinds File/],
    ["no name", "door-sign", 2, /Did you mean DoorSign\?/],
  ])("%s is refused, and nothing changes", async (_, name, code, sentence) => {
    const at = await repository("Motd");
    writeFileSync(join(at, "kinds/door-sign.test.ts"), "ours");
    const before = [filesIn(at), read(at, "kinds.ts")];
    const ran = await harmony(["new", "kind", name], { cwd: at });
    expect(ran).toMatchObject({ code, out: "", err: expect.stringMatching(sentence) });
    expect([filesIn(at), read(at, "kinds.ts")]).toEqual(before);
  });

  test("outside of a repository it says how one begins, and takes none beyond the package's end", async () => {
    const cwd = folder({ "kinds.ts": "export default [];", "apart/package.json": "{}" });
    const { code, err } = await harmony(["new", "kind", "Motd"], { cwd: join(cwd, "apart") });
    expect([code, err]).toEqual([2, expect.stringContaining("harmony new fleet makes a repository")]);
    expect(filesIn(cwd)).toEqual(["apart/package.json", "kinds.ts"]);
  });
});

describe("what is written", () => {
  test("is formatted, whatever the name", async () => {
    const cwd = folder({ ".oxfmtrc.json": read(root, ".oxfmtrc.json") });
    await harmony(["new", "fleet"], { cwd });
    for (const name of ["A", "HTTPProbe", "AVeryLongNameOfSomethingThatIsStillOneXY"]) {
      expect(await harmony(["new", "kind", name], { cwd })).toMatchObject({ code: 0 });
    }
    const format = () => spawnSync(join(root, "node_modules/.bin/oxfmt"), ["--check", "."], { cwd, encoding: "utf8" });
    expect(format()).toMatchObject({ status: 0, stderr: "" });
    writeFileSync(join(cwd, "kinds/a.ts"), read(cwd, "kinds/a.ts").replace("\n\n", "\n\n\n"));
    expect(format()).toMatchObject({ status: 1 });
  });

  test("passes harmony check, with the kind in the manifest", async () => {
    const at = await repository("DoorSign");
    const used = read(at, "site.ts")
      .replace(
        'from "harmony-edge";\n',
        'from "harmony-edge";\nimport { DoorSignScore } from "./kinds/door-sign.ts";\n',
      )
      .replace("      place: new", "      sign: new DoorSignScore({ text: place }),\n      place: new");
    writeFileSync(join(at, "site.ts"), used);
    const { out } = await harmony(["check", "site.ts", "--json"], { cwd: at });
    expect(JSON.parse(out)).toMatchObject({
      findings: [],
      files: [{ scores: [{ id: "messages" }, { id: "sign", kind: "DoorSign" }, { id: "place" }] }],
    });
    writeFileSync(join(at, "site.ts"), used.replace("text: place", "text: 1"));
    expect((await harmony(["check", "site.ts"], { cwd: at })).err).toMatch(/site\.ts:\d+:\d+: error: .*TS2322/);
  });

  test("has a workflow whose commands are those of its package", async () => {
    const at = await repository();
    const runs = [...read(at, ".github/workflows/harmony.yml").matchAll(/^ +- run: (.+)$/gm)].map(
      ([, command]) => command,
    );
    expect(runs).toEqual([
      "npm ci",
      "npx --no-install harmony check site.ts --format github",
      "npm test",
      "npm run bundle",
    ]);
    const { scripts } = PackageJson.parse(JSON.parse(read(at, "package.json")));
    expect(scripts).toMatchObject({ test: expect.any(String), bundle: expect.any(String) });
    const actions = (text: string) => [...text.matchAll(/uses: (actions\/\S+)/g)].map(([, action]) => action);
    const example = actions(read(root, "examples/ci/.github/workflows/harmony.yml"));
    expect(actions(read(at, ".github/workflows/harmony.yml"))).toEqual(example);
  });

  test("is ignored by git where it is made again", async () => {
    const at = folder();
    await harmony(["new", "fleet"], { cwd: at });
    execFileSync("git", ["init", "-q"], { cwd: at });
    for (const path of ["node_modules/x", "agent.cjs", "device/etc/x", "pi/etc/x", "kinds.ts"]) {
      mkdirSync(join(at, path, ".."), { recursive: true });
      writeFileSync(join(at, path), "");
    }
    const told = execFileSync("git", ["status", "--porcelain", "-uall"], { cwd: at, encoding: "utf8" });
    expect(told.match(/[^ \n]+$/gm)?.toSorted()).toEqual(FILES);
  });
});
