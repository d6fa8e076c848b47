import { describe, expect, test } from "vitest";
import type { PortProblem } from "../../src/capabilities/port-error.ts";
import { PortError } from "../../src/capabilities/port-error.ts";
import { FakeSystemdHost } from "../../src/testing/index.ts";

const { signal } = new AbortController();
const TEXT = "[Service]\nExecStart=/bin/a\n";

async function problemOf(call: Promise<unknown>): Promise<PortProblem> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof PortError)) throw new Error("no PortError", { cause: error });
  return error.problem;
}

describe("the supervisor in memory", () => {
  test("tells of a unit that is not there that it is not found, and starts none", async () => {
    const host = new FakeSystemdHost();
    expect(await host.units(["a.service"], signal)).toMatchObject([
      { load: "not-found", active: "inactive", enablement: "", fragment: null },
    ]);
    expect(await problemOf(host.start("a.service", { steadyMs: 0 }, signal))).toMatchObject({ code: "NotFound" });
    await host.stop("a.service", signal);
    await host.resetFailed("a.service", signal);
    expect(host.tree()).toEqual({});
  });

  test("reads a new unit by itself, and a changed one when it is told to", async () => {
    const host = new FakeSystemdHost();
    await host.writeUnitFile("a.service", "unit", TEXT, signal);
    expect(await host.units(["a.service"], signal)).toMatchObject([{ load: "loaded", needsReload: false }]);
    await host.start("a.service", { steadyMs: 0 }, signal);
    await host.writeUnitFile("a.service", "unit", `${TEXT}Nice=1\n`, signal);
    expect(await host.units(["a.service"], signal)).toMatchObject([{ needsReload: true, outdated: true }]);
    await host.reload("a.service", signal);
    await host.reload("a.service", signal);
    expect(host.reloads).toBe(1);
    await host.restart("a.service", { steadyMs: 0 }, signal);
    expect(await host.units(["a.service"], signal)).toMatchObject([
      { needsReload: false, outdated: false, active: "active" },
    ]);
  });

  test("refuses what systemd would not understand, and leaves what stands there", async () => {
    const host = new FakeSystemdHost();
    expect(await problemOf(host.writeUnitFile("a.service", "unit", "nonsense", signal))).toMatchObject({
      code: "Invalid",
      blame: "author",
    });
    host.put("b.service", { obstacle: "directory" });
    expect(await problemOf(host.writeUnitFile("b.service", "unit", TEXT, signal))).toMatchObject({
      code: "Obstructed",
    });
    expect(host.tree()).toEqual({ "obstacle:b.service": "directory" });
  });

  test("starts nothing that is masked, and enables nothing that cannot be", async () => {
    const host = new FakeSystemdHost();
    host.put("a.service", { vendor: "static" });
    expect(await problemOf(host.enable("a.service", signal))).toMatchObject({ code: "Invalid" });
    await host.mask("a.service", signal);
    expect(await problemOf(host.start("a.service", { steadyMs: 0 }, signal))).toMatchObject({ code: "Obstructed" });
    await host.unmask("a.service", signal);
    await host.start("a.service", { steadyMs: 0 }, signal);
    expect(host.tree()).toEqual({ "vendor:a.service": "static", "active:a.service": "active" });
  });

  test("tells who watches, until they stop", async () => {
    const host = new FakeSystemdHost();
    let told = 0;
    const stop = host.watch("a.service", () => (told += 1));
    host.put("a.service", { vendor: "static" });
    await Promise.resolve();
    expect(told).toBe(1);
    stop();
    host.put("a.service", { active: "active" });
    await Promise.resolve();
    expect(told).toBe(1);
  });

  test("answers nobody whose time is over", async () => {
    const host = new FakeSystemdHost();
    expect(await problemOf(host.units(["a.service"], AbortSignal.abort()))).toMatchObject({ code: "TimedOut" });
  });
});
