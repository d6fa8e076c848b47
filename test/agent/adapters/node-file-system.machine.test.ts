import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import {
  AGENT_IS_ROOT,
  asNobody,
  NOBODY,
  realStage,
  type RealStage,
} from "../../capabilities/file-system-host/real-stage.ts";
import {
  allRefused,
  refusal,
  refusals,
  text,
  turn,
  type NamedCall,
} from "../../capabilities/file-system-host/stage.ts";

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const because = AGENT_IS_ROOT ? "" : " (skipped: needs root)";

const descriptors = () => fs.readdirSync("/proc/self/fd").length;

/** Does something right before each of the next reads. */
function meanwhile(act: () => void, times: number): void {
  const read = fs.readSync.bind(fs);
  const spy = vi.spyOn(fs, "readSync");
  for (let time = 0; time < times; time++) {
    spy.mockImplementationOnce((...call: Parameters<typeof read>) => {
      act();
      return read(...call);
    });
  }
}

let stage: RealStage;
let onDisk: (at: string) => string;
beforeEach(() => {
  stage = realStage();
  onDisk = (at) => path.join(stage.root, at);
});
afterEach(() => {
  vi.restoreAllMocks();
  stage.close();
});

describe("what is reserved", () => {
  it("is not changed, nor anything beneath it, and can be read; a like name beside it can be changed", async () => {
    fs.mkdirSync(onDisk("/var/ledger"), { recursive: true });
    fs.writeFileSync(onDisk("/var/ledger/journal"), "mine");
    const host = new NodeFileSystem({ root: stage.root, reserved: ["/var/ledger"] });
    const problem = { problem: { code: "Invalid", blame: "author", retryable: false } };
    await expect(host.writeFile("/var/ledger/journal", text("x"), {})).rejects.toMatchObject(problem);
    await expect(host.removeFile("/var/ledger/journal")).rejects.toMatchObject(problem);
    await expect(host.removeDirectory("/var/ledger")).rejects.toMatchObject(problem);
    await expect(host.setAttributes("/var/ledger", { mode: "0777" })).rejects.toMatchObject(problem);
    await expect(host.makeDirectory("/var/ledger/x", {})).rejects.toMatchObject(problem);
    expect(host.inspect("/var/ledger/journal")).toMatchObject({ type: "file", sha256: sha256("mine") });
    await host.writeFile("/var/ledger2", text("theirs"), {});
    expect(fs.readFileSync(onDisk("/var/ledger2"), "utf8")).toBe("theirs");
    host.close();
  });
});

describe("the root", () => {
  it("is the whole machine by default", async () => {
    const host = new NodeFileSystem();
    const at = onDisk("/d");
    await host.makeDirectory(at, {});
    await host.writeFile(`${at}/f`, text("x"), { mode: "0600" });
    expect(fs.readFileSync(`${at}/f`, "utf8")).toBe("x");
    expect(host.inspect(`${at}/f`)).toMatchObject({ type: "file", mode: "0600", sha256: sha256("x") });
    expect(host.inspect("/")).toMatchObject({ type: "directory", owner: "root", empty: false });
    await host.removeFile(`${at}/f`);
    await host.removeDirectory(at);
    expect(host.inspect(at)).toMatchObject({ type: "missing", missingParents: [] });
    host.close();
  });

  it("must be a directory", async () => {
    for (const [at, code] of [
      ["/missing", "NotFound"],
      ["/etc/passwd", "Obstructed"],
    ] as const) {
      expect(await refusal(at, () => new NodeFileSystem({ root: onDisk(at) }))).toMatchObject({ code });
    }
  });

  it("is given up by close, after which every call is refused", async () => {
    const host = new NodeFileSystem({ root: stage.root });
    const before = descriptors();
    host.close();
    host.close();
    expect(descriptors()).toBe(before - 1);
    const unavailable = { code: "Unavailable", blame: "platform" };
    expect(await refusal("/f", () => host.inspect("/f"))).toMatchObject(unavailable);
    expect(await refusal("/f", () => host.inspect("/a/f"))).toMatchObject(unavailable);
    expect(await refusal("/f", () => host.watch("/f", () => undefined))).toMatchObject(unavailable);
    expect(await refusal("/f", () => host.writeFile("/f", text(""), {}))).toMatchObject(unavailable);
    expect(await refusal("/f", () => host.removeFile("/f"))).toMatchObject(unavailable);
  });
});

it("a write that is under way when the host is closed still ends", async () => {
  const host = new NodeFileSystem({ root: stage.root });
  const writing = host.writeFile("/f", new Uint8Array(5_000_000), {});
  await turn();
  host.close();
  await writing;
  expect(fs.readdirSync(stage.root)).toEqual(["etc", "f"]);
  expect(fs.statSync(onDisk("/f")).size).toBe(5_000_000);
});

describe("descriptors", () => {
  it("are few at any time, and all closed when the event loop has had its turn", async () => {
    for (let index = 0; index < 300; index++) fs.mkdirSync(onDisk(`/d/${index}`), { recursive: true });
    const before = descriptors();
    for (let index = 0; index < 300; index++) {
      fs.writeFileSync(onDisk(`/d/${index}/f`), String(index));
      expect(stage.host.inspect(`/d/${index}/f`)).toMatchObject({ sha256: sha256(String(index)) });
      expect(stage.host.inspect(`/d/${index}/missing/f`)).toMatchObject({ type: "missing" });
      expect(stage.host.inspect(`/d/${index}`)).toMatchObject({ empty: false });
    }
    expect(descriptors()).toBeGreaterThan(before);
    expect(descriptors()).toBeLessThanOrEqual(before + 64);
    await turn();
    expect(descriptors()).toBe(before);
  });

  it("are closed after changes, refused or not", async () => {
    const before = descriptors();
    const { host } = stage;
    for (let round = 0; round < 20; round++) {
      await host.makeDirectory("/d", {});
      await host.writeFile("/d/f", text("x"), {});
      await host.setAttributes("/d/f", { mode: "0600" });
      await refusal("/d", () => host.writeFile("/d", text("x"), {}));
      await refusal("/d", () => host.removeDirectory("/d"));
      await refusal("/d/f", () => host.makeDirectory("/d/f", {}));
      await refusal("/x/f", () => host.writeFile("/x/f", text("x"), {}));
      await host.removeFile("/d/f");
      await host.removeDirectory("/d");
    }
    await turn();
    expect(descriptors()).toBe(before);
  });
});

describe("a file that changes while it is read", () => {
  it("is read again, once", async () => {
    await stage.put("/f", { type: "file", text: "old content" });
    meanwhile(() => fs.writeFileSync(onDisk("/f"), "new"), 1);
    expect(stage.host.inspect("/f")).toMatchObject({ size: 3, sha256: sha256("new") });
  });

  it("is not hashed half old and half new when that shows in its size", async () => {
    await stage.put("/f", { type: "file", text: "a".repeat(100_000) });
    const fresh = "b".repeat(100_001);
    const read = fs.readSync.bind(fs);
    vi.spyOn(fs, "readSync").mockImplementationOnce((...call: Parameters<typeof read>) => {
      const got = read(...call);
      fs.writeFileSync(onDisk("/f"), fresh);
      return got;
    });
    expect(stage.host.inspect("/f")).toMatchObject({ size: fresh.length, sha256: sha256(fresh) });
  });

  it("is told with the size of what was hashed, when it goes on changing", async () => {
    await stage.put("/f", { type: "file", text: "" });
    let content = "";
    meanwhile(() => fs.writeFileSync(onDisk("/f"), (content += "grown ")), 2);
    expect(stage.host.inspect("/f")).toMatchObject({ size: 12, sha256: sha256(content) });
  });

  it("is not read further than hashUpTo when it grows beyond", async () => {
    await stage.put("/f", { type: "file", text: "" });
    meanwhile(() => fs.writeFileSync(onDisk("/f"), "a".repeat(200_000)), 2);
    expect(stage.host.inspect("/f", { hashUpTo: 100_000 })).toMatchObject({ size: 200_000, sha256: null });
  });

  it("is read to its end when it never tells its size, as the files of /proc", () => {
    const host = new NodeFileSystem();
    const content = fs.readFileSync("/proc/version");
    expect(host.inspect("/proc/version")).toMatchObject({ size: content.length, sha256: sha256(content) });
    expect(host.inspect("/proc/version", { hashUpTo: 4 })).toMatchObject({ sha256: null });
    host.close();
  });
});

describe("accounts", () => {
  it("are read again when the files of the root change", async () => {
    await stage.put("/f", { type: "file", text: "" });
    const { uid } = fs.statSync(onDisk("/f"));
    fs.writeFileSync(onDisk("/etc/passwd"), `# a comment\n+nis\n:x:${uid}:\nfirst:x:${uid}:0\nsecond:x:${uid}:0\n`);
    await turn();
    expect(stage.host.inspect("/f")).toMatchObject({ owner: "first" });
    fs.writeFileSync(onDisk("/etc/passwd.new"), `third:x:${uid}:0\n`);
    fs.renameSync(onDisk("/etc/passwd.new"), onDisk("/etc/passwd"));
    await turn();
    expect(stage.host.inspect("/f")).toMatchObject({ owner: "third" });
    await stage.host.writeFile("/g", text(""), { owner: "third" });
    const stale = () => stage.host.writeFile("/h", text(""), { owner: "second" });
    expect(await refusal("/h", stale)).toMatchObject({ code: "Invalid", blame: "author", retryable: true });
  });

  it("are the host's own where the root has none, or only a link", async () => {
    await stage.put("/f", { type: "file", text: "" });
    const host = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();
    fs.writeFileSync(path.join(stage.outside, "passwd"), `wrong:x:${fs.statSync(onDisk("/f")).uid}:0\n`);
    fs.rmSync(onDisk("/etc/passwd"));
    fs.symlinkSync(path.join(stage.outside, "passwd"), onDisk("/etc/passwd"));
    expect(stage.host.inspect("/f")).toMatchObject({ owner: host });
    fs.rmSync(onDisk("/etc"), { recursive: true });
    await turn();
    expect(stage.host.inspect("/f")).toMatchObject({ owner: host });
  });
});

describe("permissions", () => {
  it("do not depend on the umask", async () => {
    const umask = process.umask(0o077);
    try {
      await stage.host.writeFile("/f", text("x"), {});
      await stage.host.makeDirectory("/d", {});
    } finally {
      process.umask(umask);
    }
    expect(stage.tree()).toMatchObject({ "/f": { mode: "0644" }, "/d": { mode: "0755" } });
  });

  it.skipIf(!AGENT_IS_ROOT)(
    `give new entries the agent's own group, also where a directory passes on its own${because}`,
    async () => {
      await stage.put("/d", { type: "directory", mode: "2777", group: "staff" });
      await stage.host.writeFile("/d/f", text(""), {});
      await stage.host.makeDirectory("/d/e", {});
      expect(stage.tree()).toMatchObject({ "/d/f": { group: "root" }, "/d/e": { group: "root", mode: "0755" } });
    },
  );

  it.skipIf(!AGENT_IS_ROOT)(`that are not there are told as such, and leave nothing behind${because}`, async () => {
    const { host, put } = stage;
    await put("/secret", { type: "file", text: "x", mode: "0600" });
    await put("/closed/f", { type: "file", text: "x" });
    await put("/closed", { type: "directory", mode: "0700" });
    await put("/walk/f", { type: "file", text: "x" });
    await put("/walk", { type: "directory", mode: "0711" });
    await put("/open", { type: "directory", mode: "0777" });
    const before = stage.tree();
    await asNobody(async () => {
      expect(host.inspect("/walk/f")).toMatchObject({ sha256: sha256("x") });
      const calls: readonly NamedCall[] = [
        ["read a secret", () => host.inspect("/secret")],
        ["list a directory", () => host.inspect("/walk")],
        ["pass a directory", () => host.inspect("/closed/f")],
        ["make a file", () => host.writeFile("/f", text(""), {})],
        ["make a directory", () => host.makeDirectory("/d", {})],
        ["remove a file", () => host.removeFile("/secret")],
        ["remove a directory", () => host.removeDirectory("/open")],
        ["change permissions", () => host.setAttributes("/secret", { mode: "0666" })],
        ["give a file away", () => host.writeFile("/open/f", text(""), { owner: "root" })],
        ["give a directory away", () => host.makeDirectory("/open/d", { owner: "root" })],
      ];
      expect(await refusals("", calls)).toEqual(allRefused(calls, "NotPermitted"));
      expect(await refusal("", () => host.inspect("/closed/f"))).toMatchObject({
        blame: "device",
        retryable: true,
        message: expect.stringContaining("/closed"),
      });
    });
    expect(stage.tree()).toEqual(before);
    await asNobody(() => host.writeFile("/open/f", text("mine"), { mode: "0400" }));
    expect(stage.tree()).toMatchObject({ "/open/f": { text: "mine", owner: String(NOBODY), mode: "0400" } });
  });
});

describe("a full or read-only file system", () => {
  it.skipIf(!AGENT_IS_ROOT)(`is told as such, and nothing is left behind or lost${because}`, async ({ skip }) => {
    fs.mkdirSync(onDisk("/small"));
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", onDisk("/small")], { stdio: "pipe" });
    } catch {
      skip("this machine lets nobody mount a tmpfs");
    }
    try {
      const { host } = stage;
      await host.writeFile("/small/f", text("kept"), {});
      const before = stage.tree();
      const tooLarge = () => host.writeFile("/small/f", new Uint8Array(200_000), {});
      expect(await refusal("/small/f", tooLarge)).toMatchObject({ code: "NoSpace", blame: "device", retryable: true });
      expect(stage.tree()).toEqual(before);
      expect(await refusal("/small", () => host.removeDirectory("/small"))).toMatchObject({ code: "Busy" });
      execFileSync("mount", ["-o", "remount,ro", onDisk("/small")]);
      const readOnly = { code: "ReadOnly", blame: "device" };
      expect(await refusal("/small/f", () => host.writeFile("/small/f", text(""), {}))).toMatchObject(readOnly);
      expect(await refusal("/small/d", () => host.makeDirectory("/small/d", {}))).toMatchObject(readOnly);
      expect(await refusal("/small", () => host.setAttributes("/small", { mode: "0700" }))).toMatchObject(readOnly);
    } finally {
      execFileSync("umount", [onDisk("/small")]);
    }
  });
});
