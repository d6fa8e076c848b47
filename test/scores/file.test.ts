import { createHash } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import { FileScore } from "../../src/scores/file.ts";
import { SPEC_LIMIT_BYTES } from "../../src/scores/spec.ts";
import { contractOf, FakeFileSystem, WORLDS } from "../../src/testing/index.ts";
import { Device } from "./surroundings.ts";

const sha256 = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");

const path = "/etc/motd";
const motd = (more: Partial<ConstructorParameters<typeof FileScore>[0]> = {}) =>
  new FileScore({ path, content: "hello\n", ...more });

let fs: FakeFileSystem;
let device: Device;
beforeEach(() => {
  fs = new FakeFileSystem({ users: { root: 0, pi: 1000 }, groups: { root: 0, gpio: 997 } });
  fs.put("/etc", { type: "directory" });
  device = new Device({ FileSystemHost: fs });
});

describe("the contract", () => {
  test.each(contractOf(WORLDS.File))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

describe("status", () => {
  test("tells the hash, size, permissions and owner that were seen afterwards", async () => {
    const outcome = await device.interpret(motd({ mode: "0600", owner: "pi", group: "gpio" }));
    expect(outcome).toEqual({
      outcome: "SUCCESS",
      did: [{ do: "write", path, size: 6, sha256: sha256("hello\n"), replaces: null }],
      observed: {
        state: "present",
        path,
        size: 6,
        sha256: sha256("hello\n"),
        mode: "0600",
        owner: "pi",
        group: "gpio",
        uid: 1000,
        gid: 997,
      },
    });
    expect(fs.tree()[path]).toEqual({ type: "file", text: "hello\n", mode: "0600", owner: "pi", group: "gpio" });
  });

  test("has nothing of the content in it, which may be a secret", async () => {
    const outcome = await device.interpret(motd({ content: "hunter2" }));
    expect(outcome.outcome).toBe("SUCCESS");
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
  });

  test("tells the hash of what was replaced", async () => {
    fs.put(path, { type: "file", text: "old" });
    expect(await device.interpret(motd())).toMatchObject({ did: [{ do: "write", replaces: sha256("old") }] });
  });

  test("says that what was replaced was not read when it was larger than what replaces it", async () => {
    fs.put(path, { type: "file", text: "a longer text than that" });
    expect(await device.interpret(motd())).toMatchObject({ did: [{ do: "write", replaces: "unread" }] });
  });
});

describe("permissions and owner", () => {
  test("are changed alone, and only those that differ, when the content is right", async () => {
    fs.put(path, { type: "file", text: "hello\n", mode: "0600", owner: "pi", group: "gpio" });
    expect(await device.interpret(motd({ owner: "root", group: "gpio" }))).toMatchObject({
      outcome: "SUCCESS",
      did: [{ do: "setAttributes", path, mode: "0644", owner: "root" }],
    });
    expect(fs.writes).toBe(1);
  });

  test("default to 0644 and to whoever owns the file that is replaced", async () => {
    fs.put(path, { type: "file", text: "old", mode: "0600", owner: "pi", group: "gpio" });
    await device.interpret(motd());
    expect(fs.tree()[path]).toEqual({ type: "file", text: "hello\n", mode: "0644", owner: "pi", group: "gpio" });
  });

  test("are right under the account's number as well as under its name", async () => {
    fs.put(path, { type: "file", text: "hello\n", owner: "pi", group: "gpio" });
    expect(await device.interpret(motd({ owner: "1000", group: "997" }))).toMatchObject({ outcome: "NOOP" });
    expect(await device.interpret(motd({ owner: "pi", group: "gpio" }))).toMatchObject({ outcome: "NOOP" });
  });

  test("of an account that the device does not know are a failure that names it and leaves the file as it was", async () => {
    fs.put(path, { type: "file", text: "old" });
    expect(await device.interpret(motd({ owner: "nobody" }))).toMatchObject({
      outcome: "FAILURE",
      did: [],
      failure: {
        _tag: "PortFailed",
        during: "apply",
        problem: { code: "Invalid", message: expect.stringContaining("nobody") },
      },
    });
    expect(fs.tree()[path]).toMatchObject({ text: "old" });
  });
});

describe("what stands in the way is left alone and told", () => {
  const linksAreNot = " (links are never followed: name the real path)";
  test.each([
    ["a directory", "directory", { type: "directory" }, ""],
    ["a link", "link", { type: "link", target: "/etc/issue" }, linksAreNot],
    ["a fifo, socket or device", "special file", { type: "special" }, ""],
  ] as const)("%s at the path", async (_, what, entry, more) => {
    fs.put(path, entry);
    expect(await device.interpret(motd())).toEqual({
      outcome: "FAILURE",
      did: [],
      observed: { state: "foreign", path, at: path, what },
      failure: {
        _tag: "Obstructed",
        during: "plan",
        obstruction: {
          obstructed: `a ${what} stands at ${path}, where a file should be`,
          blame: "device",
          next: `Look at what it is for. Move it away, or give the Score another path${more}.`,
        },
      },
    });
    expect(fs.writes).toBe(0);
  });

  test.each([
    ["link", { type: "link", target: "/tmp" }],
    ["file", { type: "file", text: "" }],
  ] as const)("a %s on the way", async (what, entry) => {
    fs.put("/srv/a", entry);
    const outcome = await device.interpret(new FileScore({ path: "/srv/a/b/c", content: "", parents: true }));
    expect(outcome).toMatchObject({
      outcome: "FAILURE",
      observed: { state: "foreign", path: "/srv/a/b/c", at: "/srv/a", what },
      failure: {
        _tag: "Obstructed",
        obstruction: { obstructed: `a ${what} stands at /srv/a, on the way to /srv/a/b/c` },
      },
    });
  });
});

describe("parent directories that are missing", () => {
  const deep = "/srv/app/conf/x";
  const score = (parents: boolean) => new FileScore({ path: deep, content: "x", parents });

  test("are not made unless that is asked for, and the failure says how to", async () => {
    fs.put("/srv", { type: "directory" });
    expect(await device.interpret(score(false))).toMatchObject({
      outcome: "FAILURE",
      observed: {
        state: "absent",
        missingParents: ["/srv/app", "/srv/app/conf"],
        emptyParent: "/srv",
        leftover: false,
      },
      failure: {
        _tag: "Obstructed",
        obstruction: {
          obstructed: `/srv/app does not exist, on the way to ${deep}`,
          blame: "author",
          next: 'Set "parents: true" to have it made, or add a Directory and name it under "after".',
        },
      },
    });
    expect(fs.writes).toBe(0);
  });

  test("are made on request, outermost first, and claimed; those that were there are not", async () => {
    fs.put("/srv", { type: "directory" });
    expect(await device.interpret(score(true))).toMatchObject({
      outcome: "SUCCESS",
      did: [
        { do: "makeDirectory", path: "/srv/app" },
        { do: "makeDirectory", path: "/srv/app/conf" },
        { do: "write", path: deep },
      ],
    });
    expect([...device.claims]).toEqual(["/srv/app", "/srv/app/conf"]);
    expect(fs.tree()["/srv/app"]).toMatchObject({ type: "directory", mode: "0755" });
  });

  test("go with the file when it is retired, as far as they are empty", async () => {
    fs.put("/srv", { type: "directory" });
    await device.interpret(score(true));
    fs.put("/srv/app/theirs", { type: "file", text: "" });
    expect(await device.retire(score(true))).toMatchObject({ outcome: "SUCCESS", observed: { state: "absent" } });
    expect(Object.keys(fs.tree())).toEqual(["/etc", "/srv", "/srv/app", "/srv/app/theirs"]);
  });

  test("go although somebody has removed the file itself already", async () => {
    await device.interpret(score(true));
    fs.take(deep);
    expect(await device.retire(score(true))).toMatchObject({ outcome: "SUCCESS" });
    expect(Object.keys(fs.tree())).toEqual(["/etc"]);
  });
});

describe("an interrupted write", () => {
  const leftover = "/etc/.motd.harmony-new";

  test("is cleared by the next one", async () => {
    fs.put(leftover, { type: "file", text: "hel" });
    expect(await device.interpret(motd())).toMatchObject({ outcome: "SUCCESS" });
    expect(Object.keys(fs.tree())).toEqual(["/etc", path]);
  });

  test("is cleared when the Score is retired instead", async () => {
    fs.put(leftover, { type: "file", text: "hel" });
    expect(await device.retire(motd())).toMatchObject({ outcome: "SUCCESS", did: [{ do: "remove", path }] });
    expect(Object.keys(fs.tree())).toEqual(["/etc"]);
  });
});

test("a change of the file is noticed while it is watched, and no longer", async () => {
  let noticed = 0;
  const stop = motd()
    .bind()
    .watch({ FileSystemHost: fs }, () => (noticed += 1));
  fs.put(path, { type: "file", text: "theirs" });
  await Promise.resolve();
  expect(noticed).toBeGreaterThan(0);
  stop();
  const before = noticed;
  fs.take(path);
  await Promise.resolve();
  expect(noticed).toBe(before);
});

describe("content", () => {
  test("in base64 is written byte by byte", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await device.interpret(motd({ content: { base64: Buffer.from(bytes).toString("base64") } }));
    expect(fs.inspect(path)).toMatchObject({ size: 256, sha256: sha256(bytes) });
  });

  test("in text is written as UTF-8, with nothing added", async () => {
    await device.interpret(motd({ content: "grüße \u{1f389}" }));
    expect(fs.inspect(path)).toMatchObject({ size: 12, sha256: sha256(Buffer.from("grüße \u{1f389}")) });
  });

  test("may be empty", async () => {
    expect(await device.interpret(motd({ content: "" }))).toMatchObject({ observed: { size: 0, sha256: sha256("") } });
    expect(await device.interpret(motd({ content: "" }))).toMatchObject({ outcome: "NOOP" });
  });

  test("that UTF-8 cannot tell is refused, with the way out", () => {
    expect(() => motd({ content: "\ud800" })).toThrow(/use \{ base64 \}/);
    expect(() => motd({ content: { base64: "not base64!" } })).toThrow(/content/);
  });

  test("above 64 KiB is refused with its size and the way out", () => {
    expect(() => motd({ content: "x".repeat(70_000) })).toThrow(
      /^File@1: the spec is 70\d{3} bytes, the limit is 65536 \(64 KiB\)\..*split it into several Scores, or ship the bytes as an asset: \{ content: asset\("\.\/FILE"\) \}\.$/s,
    );
  });

  test("up to the limit to the byte is taken", () => {
    const besides = JSON.stringify(motd({ content: "" }).spec).length;
    expect(motd({ content: "x".repeat(SPEC_LIMIT_BYTES - besides) }).spec.content).toHaveLength(
      SPEC_LIMIT_BYTES - besides,
    );
    expect(() => motd({ content: "x".repeat(SPEC_LIMIT_BYTES - besides + 1) })).toThrow(/65537 bytes/);
  });
});
