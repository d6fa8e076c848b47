import { execFileSync } from "node:child_process";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareVersions, conditionsOf, meets } from "../../src/scores/debian-version.ts";
import { PackageScore } from "../../src/scores/index.ts";
import { contractOf, FakePackageManager, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.Package))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

describe("a package", () => {
  const sources = {
    app: { versions: ["1.0", "2.0"], depends: ["lib"] },
    lib: { versions: ["1.0"] },
    rival: { versions: ["1.0"], conflicts: ["app"] },
  };

  test("that is not in any source, or not in such a version, is a failure", async () => {
    const device = new Device({ PackageManager: new FakePackageManager(sources) });
    for (const spec of [{ name: "nope" }, { name: "app", version: ">> 2.0" }]) {
      expect(await device.interpret(new PackageScore(spec))).toMatchObject({
        outcome: "FAILURE",
        failure: { _tag: "PortFailed", problem: { code: "NotFound" } },
      });
    }
  });

  test("takes no other package away, unless its Score says which ones it may", async () => {
    const packages = new FakePackageManager(sources, { app: { status: "installed", version: "1.0" } });
    const device = new Device({ PackageManager: packages });
    expect(await device.interpret(new PackageScore({ name: "rival" }))).toMatchObject({
      outcome: "FAILURE",
      failure: { problem: { code: "Obstructed", message: expect.stringContaining("app") } },
    });
    expect(await device.interpret(new PackageScore({ name: "rival", mayRemove: ["app"] }))).toMatchObject({
      outcome: "SUCCESS",
    });
    expect(packages.inspect("app").status).toBe("configuration");
  });

  test("goes with what came for its sake, and with nothing that was needless before", async () => {
    const packages = new FakePackageManager(sources, {
      orphan: { status: "installed", version: "1", automatic: true },
    });
    const device = new Device({ PackageManager: packages });
    const score = new PackageScore({ name: "app" });
    await device.interpret(score);
    expect(Object.keys(packages.packages())).toEqual(["app", "lib", "orphan"]);
    await device.retire(score);
    expect(Object.keys(packages.packages())).toEqual(["orphan"]);
  });

  test.each([
    [{ name: "Upper" }, "a package is"],
    [{ name: "a b" }, "a package is"],
    [{ name: "app:armhf" }, "a package is"],
    [{ name: "app", version: "" }, "a version is"],
    [{ name: "app", version: "> 1" }, "a version is"],
    [{ name: "app", version: "1; rm" }, "a version is"],
    [{ name: "app", state: "absent", version: "1" }, "absent"],
    [{ name: "app", state: "absent", hold: true }, "absent"],
  ])("is refused: %j", (spec, reason) => {
    expect(() => PackageScore.parse(spec)).toThrow(reason);
  });
});

describe("a version", () => {
  test.each([
    ["1.0", "<<", "1.0-1"],
    ["1.0~rc1", "<<", "1.0"],
    ["1.0", "<<", "1.0a"],
    ["1.9", "<<", "1.10"],
    ["1:0.1", ">>", "9"],
    ["1.0-1+deb13u1", ">>", "1.0-1"],
    ["1.0+b1", ">>", "1.0a"],
    ["1.00", "=", "1.0"],
    ["1-0", "=", "1"],
    ["1-1-1", ">>", "1-1"],
    ["123456789012345678901", "<<", "123456789012345678902"],
  ])("%s is %s %s", (a, relation, b) => {
    expect(meets(a, conditionsOf(`${relation} ${b}`))).toBe(true);
  });

  test("meets all conditions, or does not", () => {
    expect(conditionsOf(">= 1.2,<<2")).toEqual([
      { relation: ">=", version: "1.2" },
      { relation: "<<", version: "2" },
    ]);
    expect(conditionsOf("1.2-3")).toEqual([{ relation: "=", version: "1.2-3" }]);
    expect(["1.1", "1.2", "1.9", "2"].filter((each) => meets(each, conditionsOf(">= 1.2, << 2")))).toEqual([
      "1.2",
      "1.9",
    ]);
  });

  const isDebian = hasDpkg();
  test.skipIf(!isDebian)(`is compared as dpkg does${isDebian ? "" : " (skipped: needs dpkg)"}`, () => {
    const part = fc.array(fc.constantFrom("0", "1", "9", "10", "a", "Z", "+", ".", "~"), { maxLength: 5 });
    const version = fc
      .tuple(fc.constantFrom("", "", "0:", "1:"), part, fc.option(part))
      .map(
        ([epoch, upstream, revision]) =>
          `${epoch}1${upstream.join("")}${revision === null ? "" : `-0${revision.join("")}`}`,
      );
    fc.assert(
      fc.property(version, version, (a, b) => {
        const order = compareVersions(a, b);
        expect(compareVersions(b, a)).toBe(order === 0 ? 0 : -order);
        const relation = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
        expect(() => execFileSync("dpkg", ["--compare-versions", a, relation, b])).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });
});

function hasDpkg(): boolean {
  try {
    execFileSync("dpkg", ["--version"]);
    return true;
  } catch {
    return false;
  }
}
