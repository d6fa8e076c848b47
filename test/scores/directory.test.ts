import { beforeEach, describe, expect, test } from "vitest";
import { DirectoryScore } from "../../src/scores/directory.ts";
import { FileScore } from "../../src/scores/file.ts";
import { contractOf, FakeFileSystem, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

const path = "/srv/www";
const www = (more: Partial<ConstructorParameters<typeof DirectoryScore>[0]> = {}) =>
  new DirectoryScore({ path, ...more });

let fs: FakeFileSystem;
let device: Device;
beforeEach(() => {
  fs = new FakeFileSystem({ users: { root: 0, pi: 1000 }, groups: { root: 0, gpio: 997 } });
  fs.put("/srv", { type: "directory" });
  device = new Device({ FileSystemHost: fs });
});

describe("the contract", () => {
  test.each(contractOf(WORLDS.Directory))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

describe("status", () => {
  test("tells permissions, owner and whether it is empty", async () => {
    expect(await device.interpret(www({ mode: "2775", owner: "pi", group: "gpio" }))).toEqual({
      outcome: "SUCCESS",
      did: [{ do: "makeDirectory", path }],
      observed: { state: "present", path, empty: true, mode: "2775", owner: "pi", group: "gpio", uid: 1000, gid: 997 },
    });
    fs.put(`${path}/index.html`, { type: "file", text: "" });
    expect(await device.interpret(www({ mode: "2775" }))).toMatchObject({
      outcome: "NOOP",
      observed: { empty: false },
    });
  });

  test("tells that it is 0755 and the agent's own where nothing else is asked for", async () => {
    expect(await device.interpret(www())).toMatchObject({ observed: { mode: "0755", owner: "root", group: "root" } });
  });
});

describe("a directory that was there before", () => {
  test("gets the permissions and owner that are asked for, and no more is changed", async () => {
    fs.put(path, { type: "directory", mode: "0700", owner: "pi" });
    fs.put(`${path}/theirs`, { type: "file", text: "theirs", mode: "0600" });
    expect(await device.interpret(www({ owner: "root" }))).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "setAttributes", path, mode: "0755", owner: "root" }],
    });
    expect(fs.tree()[`${path}/theirs`]).toMatchObject({ text: "theirs", mode: "0600" });
    expect([...device.claims]).toEqual([]);
  });

  test("stays when the Score is retired, even empty", async () => {
    fs.put(path, { type: "directory" });
    await device.interpret(www());
    expect(await device.retire(www())).toMatchObject({ outcome: "NOOP" });
    expect(Object.keys(fs.tree())).toEqual(["/srv", path]);
  });
});

describe("a directory that the Score made", () => {
  test("goes when the Score is retired", async () => {
    await device.interpret(www());
    expect(await device.retire(www())).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "removeDirectoryIfEmpty", path }],
    });
    expect(Object.keys(fs.tree())).toEqual(["/srv"]);
  });

  test("stays while somebody uses it", async () => {
    await device.interpret(www());
    fs.put(`${path}/theirs`, { type: "file", text: "" });
    expect(await device.retire(www())).toMatchObject({ outcome: "NOOP" });
    expect(Object.keys(fs.tree())).toEqual(["/srv", path, `${path}/theirs`]);
  });

  test("has its own permissions and owner alone: its parents are 0755 and the agent's", async () => {
    await device.interpret(www({ path: "/srv/a/b", mode: "0700", owner: "pi", parents: true }));
    expect(fs.tree()).toMatchObject({
      "/srv/a": { mode: "0755", owner: "root" },
      "/srv/a/b": { mode: "0700", owner: "pi" },
    });
  });

  test("goes with the parents that it made", async () => {
    const deep = www({ path: "/srv/a/b/c", parents: true });
    await device.interpret(deep);
    expect([...device.claims]).toEqual(["/srv/a", "/srv/a/b", "/srv/a/b/c"]);
    await device.retire(deep);
    expect(Object.keys(fs.tree())).toEqual(["/srv"]);
  });

  test("goes with those parents although somebody has removed it already", async () => {
    const deep = www({ path: "/srv/a/b", parents: true });
    await device.interpret(deep);
    fs.take("/srv/a/b");
    expect(await device.retire(deep)).toMatchObject({ outcome: "SUCCESS" });
    expect(Object.keys(fs.tree())).toEqual(["/srv"]);
  });
});

describe("what stands in the way is left alone and told", () => {
  test.each([
    ["file", { type: "file", text: "theirs" }],
    ["link", { type: "link", target: "/tmp" }],
    ["special file", { type: "special" }],
  ] as const)("a %s at the path", async (what, entry) => {
    fs.put(path, entry);
    const before = fs.tree();
    expect(await device.interpret(www())).toMatchObject({
      outcome: "FAILURE",
      observed: { state: "foreign", path, at: path, what },
      failure: {
        _tag: "Obstructed",
        obstruction: { obstructed: `a ${what} stands at ${path}, where a directory should be` },
      },
    });
    expect(await device.retire(www())).toMatchObject({ outcome: "NOOP" });
    expect(fs.tree()).toEqual(before);
  });

  test("a missing parent, unless it is to be made too", async () => {
    const deep = { path: "/srv/a/b" };
    expect(await device.interpret(www(deep))).toMatchObject({
      failure: {
        _tag: "Obstructed",
        obstruction: { obstructed: "/srv/a does not exist, on the way to /srv/a/b", blame: "author" },
      },
    });
    expect(await device.interpret(www({ ...deep, parents: true }))).toMatchObject({ outcome: "SUCCESS" });
  });
});

test("a directory and a file about one path are about one thing", () => {
  expect(www().bind().identity).toBe(new FileScore({ path, content: "" }).bind().identity);
});

test("a change of its permissions is noticed while it is watched", async () => {
  fs.put(path, { type: "directory" });
  let noticed = 0;
  const stop = www()
    .bind()
    .watch({ FileSystemHost: fs }, () => (noticed += 1));
  fs.put(path, { type: "directory", mode: "0700" });
  await Promise.resolve();
  stop();
  expect(noticed).toBeGreaterThan(0);
});
