import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FakeBus } from "../../../fuzz/fakes/bus.ts";
import { BusScript } from "../../../fuzz/fakes/bus-script.ts";
import { DbusSystemdHost } from "../../../src/agent/adapters/dbus-systemd-host.ts";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { SystemBus } from "../../../src/agent/adapters/system-bus.ts";

const CALL = { path: "/a", interface: "a.b", member: "X" };
const { signal } = new AbortController();

function place(): { readonly root: string; readonly socket: string } {
  const root = mkdtempSync(join(tmpdir(), "harmony-test-bus-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  return { root, socket: join(root, "bus") };
}

/** A bus that behaves so, and a connection to it. */
async function busThat(behaves: object) {
  const { socket } = place();
  const server = await FakeBus.listen(socket, BusScript.parse(behaves));
  const bus = new SystemBus({
    destination: "a.b",
    address: `unix:path=${socket}`,
    onSignal: () => {},
    onConnected: () => {},
  });
  onTestFinished(() => {
    bus.close();
    server.close();
  });
  return { bus, server };
}

/** An error that nobody catches fails the run of tests. */
const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resume) => setImmediate(resume));
};

test("a bus that refuses its greeting refuses the calls, and nothing else happens", async () => {
  const refusal = { as: "error", name: "org.freedesktop.DBus.Error.LimitsExceeded" };
  const { bus, server } = await busThat({ answers: { Hello: [refusal], X: [{ as: "nothing" }] } });
  await expect(bus.call(CALL)).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.Disconnected" });
  await turns();
  server.script = BusScript.parse({});
  expect(await bus.call(CALL)).toBeUndefined();
});

test("a bus that takes no way to say who one is refuses the calls", async () => {
  const { bus } = await busThat({ greeting: ["REJECTED\r\n", "REJECTED\r\n", "REJECTED\r\n"] });
  await expect(bus.call(CALL)).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.Disconnected" });
  await turns();
});

test("a bus that talks without an end before it has taken anybody is hung up on", async () => {
  const { socket } = place();
  const talkers = new Set<Socket>();
  const server = createServer((talker) => {
    talkers.add(talker.on("error", () => {}));
    const talk = (): void => {
      while (!talker.destroyed && talker.write(Buffer.alloc(16 * 1024, "x")));
    };
    talker.on("drain", talk);
    talk();
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const bus = new SystemBus({
    destination: "a.b",
    address: `unix:path=${socket}`,
    onSignal: () => {},
    onConnected: () => {},
  });
  onTestFinished(() => {
    bus.close();
    for (const talker of talkers) talker.destroy();
    server.close();
  });
  await expect(bus.call(CALL)).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.Disconnected" });
});

test("a message larger than anybody sends ends the connection before it is there", async () => {
  const { bus } = await busThat({
    answers: { X: [{ as: "value", signature: "s", body: ["x".repeat(9 * 1024 * 1024)] }] },
  });
  await expect(bus.call(CALL)).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.Disconnected" });
});

test("whatever a signal of systemd's name holds, it is passed over, and the connection stays", async () => {
  const { root, socket } = place();
  const hostile = { signature: "ua{ss}ua{ss}", body: [1, [["toString", "x"]], 2, [["toString", "x"]]] };
  const changed = {
    interface: "org.freedesktop.DBus.Properties",
    member: "PropertiesChanged",
    path: "/org/freedesktop/systemd1/unit/web_2eservice",
    signature: "sa{sv}as",
    body: ["x", [["MainPID", ["a{ss}", [["toString", "x"]]]]], []],
  };
  const afters = Array.from({ length: 30 }, (_, at) => at + 1);
  const signals = afters.flatMap((after) => [
    { after, ...hostile },
    { after, ...changed },
  ]);
  const server = await FakeBus.listen(socket, BusScript.parse({ signals }));
  const files = new NodeFileSystem({ root });
  const host = new DbusSystemdHost({ files, address: `unix:path=${socket}` });
  const unwatch = host.watch("web.service", () => {});
  onTestFinished(() => {
    unwatch();
    host.close();
    files.close();
    server.close();
  });
  await host.units(["web.service"], signal);
  await host.start("web.service", { steadyMs: 0 }, signal);
  await turns();
  expect(server.connections).toBe(1);
});

test.each([
  ["a text in place of the units", { ListUnitsByNames: [{ signature: "s", body: ["x"] }] }],
  [
    "a path that cannot be asked for",
    {
      ListUnitsByNames: [
        {
          signature: "a(ssssssssss)",
          body: [[["web.service", "", "loaded", "active", "running", "", "/a-b", "", "", "/"]]],
        },
      ],
    },
  ],
  ["a number in place of a property", { Get: [{ signature: "v", body: [["u", 7]] }] }],
])("%s is refused by name", async (_, answers) => {
  const { root, socket } = place();
  const server = await FakeBus.listen(socket, BusScript.parse({ answers }));
  const files = new NodeFileSystem({ root });
  const host = new DbusSystemdHost({ files, address: `unix:path=${socket}` });
  onTestFinished(() => {
    host.close();
    files.close();
    server.close();
  });
  await expect(host.units(["web.service"], signal)).rejects.toMatchObject({
    problem: { code: "Failed", message: expect.stringContaining("the answer is not what was asked for") },
  });
});

test("a time that is none is told as unknown", async () => {
  const { root, socket } = place();
  const [fine, never] = [{}, { signature: "v", body: [["t", "18446744073709551615"]] }];
  // The third property that is asked for is when it began to be active.
  const server = await FakeBus.listen(
    socket,
    BusScript.parse({
      answers: { Get: [{ signature: "v", body: [["s", ""]] }, { signature: "v", body: [["b", false]] }, never, fine] },
    }),
  );
  const files = new NodeFileSystem({ root });
  const host = new DbusSystemdHost({ files, address: `unix:path=${socket}` });
  onTestFinished(() => {
    host.close();
    files.close();
    server.close();
  });
  expect(await host.units(["web.service"], signal)).toMatchObject([{ active: "active", since: null }]);
});

test("a unit whose file can be nowhere is told all the same", async () => {
  const path = "/".padEnd(300, "x");
  const { root, socket } = place();
  const fragment = { signature: "v", body: [["s", path]] };
  const server = await FakeBus.listen(socket, BusScript.parse({ answers: { Get: [fragment] } }));
  const files = new NodeFileSystem({ root });
  const host = new DbusSystemdHost({ files, address: `unix:path=${socket}` });
  onTestFinished(() => {
    host.close();
    files.close();
    server.close();
  });
  expect(await host.units(["web.service"], signal)).toMatchObject([{ active: "active", fragment: path }]);
});

test("an array of structs that have no members is refused, and not read for ever", async () => {
  const empty = { as: "value", signature: "ay", body: [[1, 2, 3, 4, 5, 6, 7, 8]], patch: ["ay", "ar"] };
  const { bus } = await busThat({ answers: { X: [empty] } });
  await expect(bus.call(CALL)).rejects.toMatchObject({ dbusName: "org.freedesktop.DBus.Error.Disconnected" });
});
