import { beforeEach, describe, expect, test } from "vitest";
import { FileSystemHost } from "../../src/capabilities/index.ts";
import { FakeFileSystem, FaultyPorts, settle } from "../../src/testing/index.ts";

let fs: FakeFileSystem;
let ports: FaultyPorts;
let wrapped: FileSystemHost;

/** The wrapped port, by the type of the one that it wraps. */
const isFileSystem = (port: object | undefined): port is FileSystemHost => port !== undefined && "writeFile" in port;

beforeEach(() => {
  fs = new FakeFileSystem();
  ports = new FaultyPorts([FileSystemHost], { FileSystemHost: fs });
  const port = ports.table["FileSystemHost"];
  if (!isFileSystem(port)) throw new Error("the port is not wrapped");
  wrapped = port;
});

const write = (path = "/a"): Promise<void> => wrapped.writeFile(path, new Uint8Array(), {});
const injected = (method: string, when: string): unknown =>
  expect.objectContaining({
    name: "PortError",
    message: `FileSystemHost.${method} was made to fail ${when} its effect.`,
  });

test("without a fault all calls go through, and are recorded", async () => {
  await write();
  expect(wrapped.inspect("/a").type).toBe("file");
  expect(ports.calls).toEqual([
    { port: "FileSystemHost", method: "writeFile", writes: true, waits: true },
    { port: "FileSystemHost", method: "inspect", writes: false, waits: false },
  ]);
});

test("a call that throws is recorded too, and its own error comes through", async () => {
  expect(() => wrapped.inspect("relative")).toThrow(/not an absolute/);
  expect(ports.calls).toHaveLength(1);
});

describe("a call that is made to fail", () => {
  test("before its effect has none", async () => {
    ports.arm({ at: 0, when: "before", how: "fails" });
    await expect(write()).rejects.toEqual(injected("writeFile", "before"));
    expect([fs.tree(), fs.writes]).toEqual([{}, 0]);
  });

  test("after its effect has had it", async () => {
    ports.arm({ at: 0, when: "after", how: "fails" });
    await expect(write()).rejects.toEqual(injected("writeFile", "after"));
    expect(Object.keys(fs.tree())).toEqual(["/a"]);
  });

  test("throws where the method answers at once", () => {
    ports.arm({ at: 0, when: "before", how: "fails", waits: false });
    expect(() => wrapped.inspect("/a")).toThrow(/made to fail before/);
    ports.arm({ at: 0, when: "after", how: "fails" });
    expect(() => wrapped.inspect("/a")).toThrow(/made to fail after/);
  });

  test("is the one that was said, and no other", async () => {
    ports.arm({ at: 1, when: "before", how: "fails" });
    await write("/a");
    await expect(write("/b")).rejects.toEqual(injected("writeFile", "before"));
    await write("/c");
    expect(Object.keys(fs.tree())).toEqual(["/a", "/c"]);
    expect(ports.calls).toHaveLength(3);
  });

  test("fails no more once it is disarmed, and counts anew", async () => {
    ports.arm({ at: 0, when: "before", how: "fails" });
    ports.arm(null);
    await write();
    expect(ports.calls).toHaveLength(1);
  });
});

describe("a call that is made to hang", () => {
  test.each([
    ["before", []],
    ["after", ["/a"]],
  ] as const)("%s its effect is never answered, and is told of", async (when, left) => {
    ports.arm({ at: 0, when, how: "hangs" });
    let answered = false;
    void write().finally(() => (answered = true));
    await ports.reached;
    await settle();
    expect([answered, Object.keys(fs.tree())]).toEqual([false, left]);
  });

  test("is not told of before it comes", async () => {
    ports.arm({ at: 1, when: "before", how: "hangs" });
    let reached = false;
    void ports.reached.then(() => (reached = true));
    await write();
    await settle();
    expect(reached).toBe(false);
  });
});
