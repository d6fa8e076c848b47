import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test, vi } from "vitest";

// Each command starts npx, the command line and a compiler.
vi.setConfig({ testTimeout: 240_000 });

const root = fileURLToPath(new URL("../..", import.meta.url));
mkdirSync(join(root, "dist"), { recursive: true });
const repository = mkdtempSync(join(root, "dist/.ci-test-"));
afterAll(() => rmSync(repository, { recursive: true, force: true }));

/** The example as somebody's repository, after its `npm ci`: there is no registry yet that it could come from. */
cpSync(join(root, "examples/ci"), repository, { recursive: true });
mkdirSync(join(repository, "node_modules/.bin"), { recursive: true });
symlinkSync(root, join(repository, "node_modules/harmony-edge"));
symlinkSync(join(root, "bin/harmony.js"), join(repository, "node_modules/.bin/harmony"));
writeFileSync(join(repository, "package.json"), '{ "name": "manifests", "private": true, "type": "module" }');

const manifest = join(repository, "manifests/kiosk.ts");
const good = readFileSync(manifest, "utf8");
/** What these devices have not: podman. The compiler knows nothing of that, for a Pi may have it. */
const bad = good
  .replace("FileScore,", "ContainerScore, FileScore,")
  .replace("    page:", '    box: new ContainerScore({ name: "box", image: "docker.io/library/nginx:1" }),\n    page:');

/** As a runner of GitHub does it. */
const run = (command: string) =>
  spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", command], {
    cwd: repository,
    encoding: "utf8",
    timeout: 120_000,
  });

const steps = [
  ...readFileSync(join(repository, ".github/workflows/harmony.yml"), "utf8").matchAll(/^ +(?:- )?run: (.+)$/gm),
].map(([, command = ""]) => command);

describe("the workflow of examples/ci", () => {
  const [install, annotate = "", scan = ""] = steps;

  test("has these commands", () => {
    expect(steps).toHaveLength(3);
    expect(install).toBe("npm ci");
    expect(annotate).toContain("--format github");
    expect(scan).toContain("--format sarif");
  });

  test("passes as it stands", () => {
    expect(run(annotate)).toMatchObject({ status: 0, stdout: "" });
    expect(run(scan).status).toBe(0);
    expect(JSON.parse(readFileSync(join(repository, "harmony.sarif"), "utf8"))).toMatchObject({
      version: "2.1.0",
      runs: [{ results: [] }],
    });
  });

  test("fails where a device of the fleet cannot run it, and shows at which line, for which devices and why", () => {
    writeFileSync(manifest, bad);
    const { status, stdout } = run(annotate);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^::error file=manifests\/kiosk\.ts,line=6,col=10,title=harmony check%3A MissingCapability::box on 2 devices: kiosk-1, kiosk-2: ContainerScore requires ContainerRuntime, which PiTopology lacks: podman >= 4\.4 not found%0A/,
    );
    expect(run(scan).status).toBe(1);
    const result = {
      ruleId: "MissingCapability",
      locations: [{ physicalLocation: { region: { startLine: 6, startColumn: 10 } } }],
      properties: { devices: ["kiosk-1", "kiosk-2"] },
    };
    expect(JSON.parse(readFileSync(join(repository, "harmony.sarif"), "utf8"))).toMatchObject({
      runs: [{ results: [result] }],
    });
    writeFileSync(manifest, good);
  });
});

test("the hook of examples/ci lets a good commit through and stops a bad one", () => {
  const git = (...words: readonly string[]) =>
    spawnSync("git", ["-c", "user.name=A", "-c", "user.email=a@b.invalid", ...words], {
      cwd: repository,
      encoding: "utf8",
      timeout: 120_000,
    });
  execFileSync("git", ["init", "-q"], { cwd: repository });
  expect(git("config", "core.hooksPath", "hooks").status).toBe(0);
  writeFileSync(join(repository, "notes.txt"), "x");
  expect(git("add", "notes.txt").status).toBe(0);
  expect(git("commit", "-qm", "no manifest").status).toBe(0);
  expect(git("add", "manifests").status).toBe(0);
  expect(git("commit", "-qm", "good")).toMatchObject({ status: 0 });
  writeFileSync(manifest, bad);
  expect(git("add", "manifests").status).toBe(0);
  const stopped = git("commit", "-qm", "bad");
  expect(stopped.status).not.toBe(0);
  expect(stopped.stderr).toContain("manifests/kiosk.ts:6:10: error: box: ContainerScore requires ContainerRuntime");
  expect(git("log", "--format=%s").stdout).toBe("good\nno manifest\n");
  writeFileSync(manifest, good);
});
