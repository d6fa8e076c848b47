import { describe, expect, test } from "vitest";
import { ContainerScore } from "../../src/scores/container.ts";
import { contractOf, FakeContainerRuntime, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.Container))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

const D1 = `sha256:${"1".repeat(64)}`;
const D2 = `sha256:${"2".repeat(64)}`;
const APP = "registry.example/app";
const web = { name: "web", image: `${APP}@${D1}` };
const registry = { [`${APP}@${D1}`]: D1, [`${APP}@${D2}`]: D2, [`${APP}:1`]: D1, [`${APP}:2`]: D2 };

function deviceWith(options: ConstructorParameters<typeof FakeContainerRuntime>[0] = {}) {
  const host = new FakeContainerRuntime({ registry, ...options });
  return { host, device: new Device({ ContainerRuntime: host }) };
}

test("a container that ends again and again is a FAILURE that says where to read on, and never Ready", async () => {
  const { host, device } = deviceWith();
  host.put("web", { crashes: true });
  expect(await device.interpret(new ContainerScore(web))).toMatchObject({
    outcome: "FAILURE",
    failure: { _tag: "PortFailed", step: { do: "start" } },
  });
  expect(await device.interpret(new ContainerScore(web))).toMatchObject({
    outcome: "FAILURE",
    observed: { state: "crash-looping", restarts: 3 },
    failure: { _tag: "Obstructed", obstruction: { next: expect.stringContaining("journalctl --unit web.service") } },
  });
});

test("one that is unhealthy is restarted", async () => {
  const { host, device } = deviceWith();
  const score = new ContainerScore({ ...web, health: { type: "tcp", port: 80 } });
  await device.interpret(score);
  host.put("web", { active: "unhealthy" });
  expect(await device.interpret(score)).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "restart" }],
    observed: { state: "running", health: "healthy" },
  });
});

test("another image is pulled before the file changes, and the old one is released when the new one runs", async () => {
  const { host, device } = deviceWith();
  await device.interpret(new ContainerScore(web));
  expect(await device.interpret(new ContainerScore({ ...web, image: `${APP}@${D2}` }))).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "pull" }, { do: "write" }, { do: "reload" }, { do: "restart" }, { do: "release", digest: D1 }],
    observed: { imageDigest: D2, obsolete: [] },
  });
  expect(host.tree()[`image:${D1}`]).toBeUndefined();
});

test("a pull that fails leaves the container that runs as it is", async () => {
  const { host, device } = deviceWith();
  await device.interpret(new ContainerScore(web));
  const before = host.tree();
  const gone = new ContainerScore({ ...web, image: `${APP}@sha256:${"9".repeat(64)}` });
  expect(await device.interpret(gone)).toMatchObject({ failure: { problem: { code: "NotFound", blame: "author" } } });
  expect(host.tree()).toEqual(before);
});

test("a tag stays at the digest that it had, with a warning, until the Score names another one", async () => {
  const { host, device } = deviceWith();
  expect(await device.interpret(new ContainerScore({ ...web, image: `${APP}:1` }))).toMatchObject({
    outcome: "SUCCESS",
    observed: { pinned: { from: `${APP}:1`, digest: D1 }, warning: expect.stringContaining(D1) },
  });
  host.putImage(D2, { names: [`${APP}:1`] });
  expect(await device.interpret(new ContainerScore({ ...web, image: `${APP}:1` }))).toMatchObject({ outcome: "NOOP" });
  expect(await device.interpret(new ContainerScore({ ...web, image: `${APP}:2` }))).toMatchObject({
    outcome: "SUCCESS",
    observed: { pinned: { from: `${APP}:2`, digest: D2 } },
  });
});

test("how a container is asked from outside is no reason to replace it", async () => {
  const { device } = deviceWith();
  await device.interpret(new ContainerScore(web));
  const asked = new ContainerScore({ ...web, health: { type: "http", port: 80 } });
  expect(await device.interpret(asked)).toMatchObject({ outcome: "NOOP" });
});

test("a limit that the kernel cannot keep and a secret that is not there are refused", async () => {
  const limited = new ContainerScore({ ...web, limits: { memoryMax: 33_554_432 } });
  expect(await deviceWith().device.interpret(limited)).toMatchObject({
    failure: { _tag: "Obstructed", obstruction: { next: expect.stringContaining("cgroup_enable=memory") } },
  });
  const secretive = new ContainerScore({ ...web, secrets: [{ secret: "token", as: { env: "TOKEN" } }] });
  expect(await deviceWith().device.interpret(secretive)).toMatchObject({
    failure: { _tag: "Obstructed", obstruction: { obstructed: expect.stringContaining("secret token") } },
  });
  expect(await deviceWith({ secrets: ["token"] }).device.interpret(secretive)).toMatchObject({ outcome: "SUCCESS" });
});

const command = ["/bin/true"];
test.each([
  [{ ...web, image: "busybox:1" }, "with the registry's host"],
  [{ ...web, image: APP }, "an image is"],
  [{ ...web, image: `${APP}:1@${D1}` }, "an image is"],
  [{ ...web, name: "web.service" }, "leave the type of unit out"],
  [{ ...web, name: "../web" }, "a name is"],
  [{ ...web, command: ["a", "", "b"] }, "needs an entrypoint"],
  [{ ...web, command: ["a", ";", "b"] }, "needs an entrypoint"],
  [{ ...web, command: ["a\nb"] }, "cannot hold a line feed"],
  [{ ...web, command: ["a\u{10FFFF}"] }, "no character"],
  [{ ...web, environment: { A: "\nExec=/bin/sh" } }, "cannot hold a line feed"],
  [{ ...web, volumes: [{ from: "/a:/etc", to: "/b" }] }, "a volume is"],
  [{ ...web, volumes: [{ from: "data.volume", to: "/b" }] }, "ends in no type"],
  [{ ...web, networks: ["host", "edge"] }, "stand alone"],
  [{ ...web, networks: ["host"], ports: [{ hostPort: 1, containerPort: 1 }] }, "published from a network"],
  [{ ...web, networks: ["none"], health: { type: "tcp" as const, port: 1 } }, "only a command"],
  [{ ...web, ports: [{ address: "1.2.3", hostPort: 1, containerPort: 1 }] }, "no address"],
  [{ ...web, health: { type: "command" as const, command, interval: 300, retries: 10 } }, "600 seconds"],
  [{ ...web, health: { type: "command" as const, command: ["true"] } }, "absolute path"],
])("%j is refused", (spec, says) => {
  expect(() => new ContainerScore(spec)).toThrow(says);
});
