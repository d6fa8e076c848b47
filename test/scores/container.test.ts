import { describe, expect, test } from "vitest";
import { ContainerRuntime } from "../../src/capabilities/container-runtime.ts";
import { ContainerScore } from "../../src/scores/container.ts";
import { interpret, retire } from "../../src/scores/interpret.ts";
import {
  contractOf,
  fakeArchive,
  FakeAssets,
  FakeContainerRuntime,
  FaultyPorts,
  WORLDS,
} from "../../src/testing/index.ts";
import { around, Device } from "./surroundings.ts";

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

/** A device that has the assets of a server at hand. */
function deviceWithAssets() {
  const host = new FakeContainerRuntime({ registry });
  const server = new FakeAssets();
  const claims = new Set<string>();
  const ports = new FaultyPorts([ContainerRuntime], { ContainerRuntime: host });
  const claim = async (more: readonly string[]): Promise<void> => more.forEach((each) => void claims.add(each));
  const surroundings = around(ports.table, { assets: server, claim });
  return {
    host,
    server,
    writes: () => ports.calls.filter(({ writes }) => writes).map(({ method }) => method),
    run: (score: ContainerScore) => (ports.arm(null), interpret(score, surroundings)),
    retire: (score: ContainerScore) => retire(score, claims, surroundings),
  };
}

test("an image comes in an asset: fetched, loaded, and run by what was in it; then there is nothing to do", async () => {
  const { host, server, writes, run, retire: drop } = deviceWithAssets();
  const image = server.put(fakeArchive([D1]));
  const score = new ContainerScore({ ...web, image });
  expect(await run(score)).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "fetch", asset: image.asset }, { do: "load" }, { do: "write" }, { do: "reload" }, { do: "start" }],
    observed: { imageDigest: D1, image: { kept: "own" }, warning: null },
  });
  expect(await run(score)).toMatchObject({ outcome: "NOOP" });
  expect(writes()).toEqual([]);
  host.takeImage(D1);
  expect(await run(score)).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "fetch" }, { do: "load" }, { do: "write" }, { do: "reload" }, { do: "start" }],
  });
  expect(await drop(score)).toMatchObject({ outcome: "SUCCESS" });
  expect(host.tree()).toEqual({});
});

test("another archive replaces the image, also one in which the same image is", async () => {
  const { host, server, run, retire: drop } = deviceWithAssets();
  await run(new ContainerScore({ ...web, image: server.put(fakeArchive([D1])) }));
  const second = new ContainerScore({ ...web, image: server.put(fakeArchive([D2])) });
  expect(await run(second)).toMatchObject({ outcome: "SUCCESS", observed: { imageDigest: D2, obsolete: [] } });
  expect(host.tree()[`image:${D1}`]).toBeUndefined();
  // Packed once more: other bytes, and what is in them is the same.
  const again = new ContainerScore({
    ...web,
    image: server.put(Buffer.concat([fakeArchive([D2]), Buffer.from("\n")])),
  });
  expect(await run(again)).toMatchObject({ outcome: "SUCCESS", observed: { imageDigest: D2, obsolete: [] } });
  await drop(again);
  expect(host.tree()).toEqual({});
});

test("two containers by one archive: it is loaded once, and stays until both are gone", async () => {
  const { host, server, run, retire: drop } = deviceWithAssets();
  const image = server.put(fakeArchive([D1]));
  const [one, two] = ["one", "two"].map((name) => new ContainerScore({ name, image }));
  if (one === undefined || two === undefined) throw new Error("two Scores");
  await run(one);
  expect(await run(two)).toMatchObject({ did: [{ do: "keep" }, { do: "write" }, {}, {}] });
  await drop(one);
  expect(host.tree()[`image:${D1}`]).toBeDefined();
  await drop(two);
  expect(host.tree()).toEqual({});
});

test.each([
  ["no archive", new Uint8Array([1, 2, 3]), "no archive of an image"],
  ["several images", fakeArchive([D1, D2]), "2 images"],
  ["another architecture", fakeArchive([D1], "riscv64"), "riscv64"],
])("%s in an asset: the author is told, and what runs stays", async (_, bytes, says) => {
  const { host, server, run } = deviceWithAssets();
  await run(new ContainerScore({ ...web, image: server.put(fakeArchive([D1])) }));
  const before = host.tree();
  expect(await run(new ContainerScore({ ...web, image: server.put(bytes) }))).toMatchObject({
    outcome: "FAILURE",
    failure: {
      step: { do: "load" },
      problem: { code: "Invalid", blame: "author", message: expect.stringContaining(says) },
    },
  });
  expect(host.tree()).toEqual(before);
});

test("an archive that is not on the server is missing, and nothing is loaded", async () => {
  const { host, run } = deviceWithAssets();
  const image = { asset: "0".repeat(64), size: 5 };
  expect(await run(new ContainerScore({ ...web, image }))).toMatchObject({
    outcome: "FAILURE",
    failure: { step: { do: "fetch" }, problem: { code: "NotFound", blame: "author" } },
  });
  expect(host.tree()).toEqual({});
});

test("a policy is told that an image comes in an asset, and how large it is", () => {
  const image = { asset: "a".repeat(64), size: 12_345 };
  expect(new ContainerScore({ ...web, image }).bind().reach).toEqual([
    { _tag: "unit", unit: "web.service" },
    { _tag: "imageArchive", asset: image.asset },
    { _tag: "content", bytes: 12_345 },
  ]);
});
