import { describe, expect, test } from "vitest";
import { SystemdServiceScore } from "../../src/scores/systemd-service.ts";
import { contractOf, FakeSystemdHost, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.SystemdService))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

const web = { name: "web", exec: ["/usr/bin/web"] };

const signal = new AbortController().signal;

test("a service that ends again and again is a FAILURE that says where to read on, and never Ready", async () => {
  const host = new FakeSystemdHost();
  const device = new Device({ SystemdHost: host });
  host.put("web.service", { crashes: true });
  expect(await device.interpret(new SystemdServiceScore(web))).toMatchObject({
    outcome: "FAILURE",
    failure: {
      _tag: "PortFailed",
      step: { do: "start" },
      problem: { code: "Failed", next: expect.stringContaining("journalctl") },
    },
  });
  expect(await device.interpret(new SystemdServiceScore(web))).toMatchObject({
    outcome: "FAILURE",
    observed: { state: "crash-looping", restarts: 3, result: "exit-code" },
    failure: {
      _tag: "Obstructed",
      obstruction: { blame: "author", next: expect.stringContaining("journalctl --unit web.service") },
    },
  });
});

test("a changed service that was looping is started anew", async () => {
  const host = new FakeSystemdHost();
  const device = new Device({ SystemdHost: host });
  host.put("web.service", { file: "[Service]\nExecStart=/bin/false\n", active: "looping" });
  expect(await device.interpret(new SystemdServiceScore(web))).toMatchObject({
    outcome: "SUCCESS",
    observed: { state: "running" },
  });
});

test("a memory limit is refused where the kernel cannot keep it, and kept where it can", async () => {
  const limited = new SystemdServiceScore({ ...web, limits: { memoryMax: 10_000_000 } });
  expect(await new Device({ SystemdHost: new FakeSystemdHost() }).interpret(limited)).toMatchObject({
    outcome: "FAILURE",
    failure: {
      _tag: "Obstructed",
      obstruction: {
        obstructed: expect.stringContaining("memory"),
        next: expect.stringContaining("cgroup_enable=memory"),
      },
    },
  });
  const host = new FakeSystemdHost({ controllers: ["memory"] });
  expect(await new Device({ SystemdHost: host }).interpret(limited)).toMatchObject({ outcome: "SUCCESS" });
  expect(host.tree()["file:web.service"]).toContain("MemoryMax=10000000\n");
});

test("all unit files are read again once, after all that makes them old and before what is started", async () => {
  const host = new FakeSystemdHost();
  const device = new Device({ SystemdHost: host });
  expect(await device.interpret(new SystemdServiceScore(web))).toMatchObject({
    did: [{ do: "write" }, { do: "enable" }, { do: "reload" }, { do: "start" }],
  });
  expect(host.reloads).toBe(1);
  const changed = new SystemdServiceScore({ ...web, environment: { A: "1" } });
  expect(await device.interpret(changed)).toMatchObject({
    did: [{ do: "write" }, { do: "reload" }, { do: "restart" }],
  });
  expect(host.reloads).toBe(2);
  expect((await host.units(["web.service"], signal))[0]).toMatchObject({ outdated: false, needsReload: false });
});

test("what is taken away is stopped and removed before all unit files are read again, once", async () => {
  const host = new FakeSystemdHost();
  const device = new Device({ SystemdHost: host });
  const score = new SystemdServiceScore(web);
  await device.interpret(score);
  expect(await device.retire(score)).toMatchObject({
    did: [{ do: "stop" }, { do: "disable" }, { do: "remove" }, { do: "reload" }, { do: "resetFailed" }],
  });
  expect(host.reloads).toBe(2);
});

test("`strict` refuses calls with an error, and leaves out what kills programs that compile while they run", async () => {
  const host = new FakeSystemdHost();
  await new Device({ SystemdHost: host }).interpret(
    new SystemdServiceScore({ ...web, hardening: "strict", writablePaths: ["/srv/a b"] }),
  );
  const text = String(host.tree()["file:web.service"]);
  expect(text).toContain('SystemCallErrorNumber=EPERM\nReadWritePaths="/srv/a b"\n');
  expect(text).not.toContain("MemoryDenyWriteExecute");
});

test("what it tells to systemd itself is in its unit file", async () => {
  const host = new FakeSystemdHost();
  const told = { readiness: { type: "notify", startPeriodSeconds: 20 }, liveness: { type: "notify" } } as const;
  expect(await new Device({ SystemdHost: host }).interpret(new SystemdServiceScore({ ...web, ...told }))).toMatchObject(
    {
      outcome: "SUCCESS",
    },
  );
  const text = String(host.tree()["file:web.service"]);
  expect(text).toContain("Type=notify\n");
  expect(text).toContain("TimeoutStartSec=20s\nWatchdogSec=30s\n");
  expect(host.questions).toBe(0);
});

test.each([
  [{ ...web, name: "web.service" }, "leave the type out"],
  [{ ...web, name: "../web" }, "a name is"],
  [{ ...web, exec: ["web"] }, "the absolute path of a program"],
  [{ ...web, exec: ["/usr/bin/$web"] }, "the absolute path of a program"],
  [{ ...web, exec: ["/usr/bin/web", "a\nb"] }, "cannot hold a line feed"],
  [{ ...web, environment: { A: "a\nExecStart=/bin/sh" } }, "cannot hold a line feed"],
  [{ ...web, environment: { "A B": "" } }, "environment"],
  [{ ...web, after: ["network"] }, "full name"],
  [{ ...web, readiness: { type: "http" } }, "readiness"],
  [{ ...web, readiness: { type: "tcp", port: 80, address: "web.example" } }, "an address is numbers"],
  [{ ...web, liveness: { type: "command", command: ["check"] } }, "the absolute path of a program"],
  [{ ...web, type: "oneshot", liveness: { type: "tcp", port: 80 } }, "of a service that runs on"],
  [{ ...web, run: "when-asked", readiness: { type: "notify" } }, "of a service that runs on"],
])("%j is refused", (spec, says) => {
  expect(() => SystemdServiceScore.parse(spec)).toThrow(says);
});
