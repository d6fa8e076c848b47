import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { expect, onTestFinished, test, vi } from "vitest";
import { buildPackage } from "../scripts/package.ts";

const run = (program: string, ...args: readonly string[]): string => {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8", timeout: 30_000 });
  if (status !== 0) throw new Error(`${program}: ${stderr}`);
  return stdout;
};

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "harmony-test-package-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

test("the same sources make the same package, to the byte, whatever the umask is", async () => {
  vi.stubEnv("SOURCE_DATE_EPOCH", "1790000000");
  onTestFinished(() => void vi.unstubAllEnvs());
  const [one, two] = [await folder(), await folder()];
  const first = await readFile(await buildPackage({ outdir: one }));
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  expect(first.equals(await readFile(await buildPackage({ outdir: two })))).toBe(true);
});

test("the package holds the bundle as it is, root's files, scripts that parse, and a unit that opens nothing", async () => {
  const at = await folder();
  const bundle = join(at, "agent.cjs");
  await writeFile(bundle, "the bundle");
  const deb = await buildPackage({ outdir: at, version: "1.2~a", bundle });
  expect(deb).toBe(join(at, "harmony-agent_1.2~a_all.deb"));
  expect(run("dpkg-deb", "-f", deb, "Package", "Version", "Architecture", "Depends")).toMatch(
    /^Package: harmony-agent\nVersion: 1\.2~a\nArchitecture: all\nDepends: nodejs \(>= 20\.19\)/,
  );
  const { author }: { author: string } = JSON.parse(
    await readFile(new URL("../package.json", import.meta.url), "utf8"),
  );
  expect(run("dpkg-deb", "-f", deb, "Maintainer").trim()).toBe(author);
  expect(author).toMatch(/^[^<>]+ <[^@\s]+@[^@\s]+>$/);
  const listed = run("dpkg-deb", "-c", deb).trim().split("\n");
  expect(listed.every((line) => / root\/root /.test(line))).toBe(true);
  run("dpkg-deb", "-R", deb, join(at, "tree"));
  for (const script of ["postinst", "prerm", "postrm"]) run("sh", "-n", join(at, "tree/DEBIAN", script));
  expect(await readFile(join(at, "tree/DEBIAN/conffiles"), "utf8")).toBe("/etc/harmony-edge/agent.json\n");
  expect(await readFile(join(at, "tree/usr/lib/harmony-agent/agent.cjs"), "utf8")).toBe("the bundle");
  const unit = await readFile(join(at, "tree/usr/lib/systemd/system/harmony-agent.service"), "utf8");
  expect(unit).toMatch(/^CapabilityBoundingSet=$/m);
  expect(unit).not.toMatch(/^(ReadWritePaths|CapabilityBoundingSet)=./m);
  const man = join(at, "tree/usr/share/man/man1");
  expect((await readdir(man)).toSorted()).toEqual([
    "harmony-agent-enroll.1.gz",
    "harmony-agent-key.1.gz",
    "harmony-agent-take.1.gz",
    "harmony-agent.1.gz",
    "harmony.1.gz",
  ]);
  const page = gunzipSync(await readFile(join(man, "harmony-agent.1.gz"))).toString();
  expect(page).toMatch(/^\.TH "HARMONY-AGENT" 1 .*\n\.SH NAME\nharmony\\-agent \\- /);
  run("bash", "-n", join(at, "tree/usr/share/bash-completion/completions/harmony"));
});

test("without dpkg-deb it says what to install", async () => {
  const at = await folder();
  await writeFile(join(at, "agent.cjs"), "");
  vi.stubEnv("PATH", at);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(buildPackage({ outdir: at, bundle: join(at, "agent.cjs") })).rejects.toThrow("apt-get install dpkg");
});

test("takes an agent that was bundled elsewhere, if it is one, under a version of its own", async () => {
  const at = await folder();
  const [good, bad] = [join(at, "good.cjs"), join(at, "bad.cjs")];
  await writeFile(good, 'console.log("Motd@1 requires FileSystemHost");');
  await writeFile(bad, 'throw new Error("not today");');
  const command = ["--conditions=harmony-edge-source", "scripts/package.ts", "--package-version", "9.9.9~test"];
  const make = (bundle: string) =>
    spawnSync(process.execPath, [...command, "--agent", bundle], { encoding: "utf8", timeout: 60_000 });
  expect(make(bad)).toMatchObject({ status: 1, stderr: expect.stringContaining("is no agent of harmony bundle") });
  expect(make(good)).toMatchObject({ status: 0, stderr: expect.stringMatching(/^Motd@1 requires .*\n.*9\.9\.9~test/) });
  const deb = fileURLToPath(new URL("../dist/harmony-agent_9.9.9~test_all.deb", import.meta.url));
  onTestFinished(() => rm(deb, { force: true }));
  run("dpkg-deb", "-R", deb, join(at, "tree"));
  expect(await readFile(join(at, "tree/usr/lib/harmony-agent/agent.cjs"), "utf8")).toContain("Motd@1");
});
