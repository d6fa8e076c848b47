import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { DpkgStatus, packagesIn } from "../../../src/agent/adapters/dpkg-status.ts";

const paragraph = (name: string, status: string, rest = ""): string =>
  `Package: ${name}\nStatus: ${status}\nArchitecture: arm64\nVersion: 1.0\n${rest}Description: some\n text: Status: no\n`;

test.each([
  ["install ok installed", { status: "installed", held: false }],
  ["hold ok installed", { status: "installed", held: true }],
  ["install ok triggers-pending", { status: "installed", held: false }],
  ["install ok triggers-awaited", { status: "installed", held: false }],
  ["deinstall ok config-files", { status: "configuration", held: false }],
  ["install ok unpacked", { status: "broken", held: false }],
  ["install ok half-configured", { status: "broken", held: false }],
  ["install reinstreq half-installed", { status: "broken", held: false }],
  ["install reinstreq installed", { status: "broken", held: false }],
])("a package that is %s", (status, expected) => {
  expect(packagesIn(paragraph("app", status)).get("app")).toMatchObject({
    ...expected,
    version: "1.0",
    essential: false,
  });
});

test("what is essential or protected, is not installed, or is of another architecture", () => {
  const text = [
    paragraph("dpkg", "install ok installed", "Essential: yes\n"),
    paragraph("init", "install ok installed", "Protected: yes\n"),
    paragraph("gone", "purge ok not-installed"),
    paragraph("foreign", "install ok installed").replace("arm64", "armhf"),
    paragraph("shared", "install ok installed").replace("arm64", "all"),
  ].join("\n");
  const packages = packagesIn(text);
  expect([...packages.keys()]).toEqual(["dpkg", "init", "shared"]);
  expect(packages.get("dpkg")?.essential).toBe(true);
  expect(packages.get("init")?.essential).toBe(true);
});

test("nonsense is no package", () => {
  expect(packagesIn("")).toEqual(new Map());
  expect(packagesIn("\n\n\u0000: x\nPackage\n\nStatus: a")).toEqual(new Map());
  expect(packagesIn("Package: half").get("half")).toMatchObject({ status: "broken" });
});

function database(): { readonly folder: string; readonly status: DpkgStatus } {
  const folder = mkdtempSync(join(tmpdir(), "harmony-test-dpkg-"));
  const status = new DpkgStatus(folder);
  onTestFinished(() => {
    status.close();
    rmSync(folder, { recursive: true });
  });
  return { folder, status };
}

/** As dpkg does: a new file in place of the old one. */
function replace(folder: string, text: string): void {
  writeFileSync(`${folder}/status-new`, text);
  renameSync(`${folder}/status-new`, `${folder}/status`);
}

test("a host without the database has no packages", () => {
  const { status } = database();
  expect(status.state("app")).toEqual({ status: "absent", version: null, held: false, essential: false });
});

test("the database is read again when it has changed", () => {
  const { folder, status } = database();
  replace(folder, paragraph("app", "install ok installed"));
  expect(status.state("app").status).toBe("installed");
  replace(folder, paragraph("app", "deinstall ok config-files"));
  expect(status.state("app").status).toBe("configuration");
});

test("what an interrupted dpkg has written down counts, in its order, and is told", () => {
  const { folder, status } = database();
  replace(folder, paragraph("app", "install ok installed"));
  expect(status.isUnfinished()).toBe(false);
  mkdirSync(`${folder}/updates`);
  writeFileSync(`${folder}/updates/0000`, paragraph("app", "install ok unpacked"));
  writeFileSync(`${folder}/updates/0001`, paragraph("app", "install ok half-configured").replace("1.0", "2.0"));
  appendFileSync(`${folder}/updates/tmp.i`, "half a line");
  expect(status.state("app")).toMatchObject({ status: "broken", version: "2.0" });
  expect(status.isUnfinished()).toBe(true);
  // All is set up, but dpkg wants to take its notes over first.
  writeFileSync(`${folder}/updates/0002`, paragraph("app", "install ok installed"));
  expect(status.state("app").status).toBe("installed");
  expect(status.isUnfinished()).toBe(true);
});

test("a change is told to all who watch, and to nobody else", async () => {
  const { folder, status } = database();
  replace(folder, "");
  const told = [vi.fn<() => void>(), vi.fn<() => void>()] as const;
  const stops = told.map((each) => status.watch(each));
  replace(folder, paragraph("app", "install ok installed"));
  await vi.waitFor(() => told.forEach((each) => expect(each).toHaveBeenCalled()));
  stops[0]?.();
  told.forEach((each) => each.mockClear());
  replace(folder, "");
  await vi.waitFor(() => expect(told[1]).toHaveBeenCalled());
  expect(told[0]).not.toHaveBeenCalled();
});
