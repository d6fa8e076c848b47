import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";

/** A host whose system bus is not there. What it does where one is, the device tests show. */
function hostWithoutBus(): DbusSystemdHost {
  const root = mkdtempSync(join(tmpdir(), "harmony-test-systemd-"));
  const files = new NodeFileSystem({ root });
  const host = new DbusSystemdHost({ files, address: `unix:path=${root}/no-bus` });
  onTestFinished(() => {
    host.close();
    files.close();
    rmSync(root, { recursive: true });
  });
  return host;
}

test("where there is no system bus, each call is refused, and none waits", async () => {
  const host = hostWithoutBus();
  const { signal } = new AbortController();
  await expect(host.units(["a.service"], signal)).rejects.toMatchObject({ problem: { code: "Unavailable" } });
  await expect(host.start("a.service", { steadyMs: 0 }, signal)).rejects.toMatchObject({
    problem: { code: "Unavailable" },
  });
});

test("where there is no system bus, a watch is kept, and can be stopped", async () => {
  const host = hostWithoutBus();
  const stop = host.watch("a.service", () => {});
  await expect(host.units(["a.service"], new AbortController().signal)).rejects.toMatchObject({ name: "PortError" });
  stop();
});

test("the place of a unit's file is looked at without any bus", () => {
  expect(hostWithoutBus().unitFile("a.service", "unit")).toEqual({ type: "absent", leftover: false });
});
