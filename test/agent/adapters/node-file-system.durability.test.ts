import fs from "node:fs";
import type * as promises from "node:fs/promises";
import path from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { realStage, type RealStage } from "../../capabilities/file-system-host/real-stage.ts";
import { refusal, text } from "../../capabilities/file-system-host/stage.ts";

/** The last part of a path. */
function place(at: unknown): string {
  return String(at).split("/").at(-1) ?? "";
}

/** The calls that reach the disk, in order, and what happens right before one of them. Hoisted, as the mocks are. */
const { calls, before, noted } = vi.hoisted(() => {
  const journal = { calls: [] as string[], before: new Map<string, () => void>() };
  const note =
    <Call extends unknown[], Result>(name: string, real: (...call: Call) => Result, show = place) =>
    (...call: Call): Result => {
      const line = `${name} ${show(call[0])}`;
      journal.calls.push(line);
      journal.before.get(line)?.();
      return real(...call);
    };
  return { ...journal, noted: note };
});

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof promises>();
  const open: typeof real.open = async (...call) => {
    const handle = await real.open(...call);
    const name = place(call[0]);
    calls.push(`open ${name}`);
    handle.sync = noted("sync", handle.sync.bind(handle), () => name);
    handle.chmod = noted("chmod", handle.chmod.bind(handle), () => name);
    handle.chown = noted("chown", handle.chown.bind(handle), () => name);
    return handle;
  };
  const unlink = noted("unlink", real.unlink);
  const [mkdir, rmdir] = [noted("mkdir", real.mkdir), noted("rmdir", real.rmdir)];
  return { ...real, open, unlink, mkdir, rmdir };
});

vi.mock("node:fs", async (original) => {
  const { default: real } = await original<{ default: typeof fs }>();
  const held = (fd: unknown): string => place(real.readlinkSync(`/proc/self/fd/${String(fd)}`));
  const openSync: typeof real.openSync = (at, flags, mode) => {
    if (typeof flags === "number" && (flags & real.constants.O_CREAT) !== 0) calls.push(`open ${place(at)}`);
    return real.openSync(at, flags, mode);
  };
  return {
    default: {
      ...real,
      openSync,
      fsync: noted("sync", real.fsync, held),
      fchmodSync: noted("chmod", real.fchmodSync, held),
      fchownSync: noted("chown", real.fchownSync, held),
      renameSync: noted("rename", real.renameSync),
      unlinkSync: noted("unlink", real.unlinkSync),
    },
  };
});

let stage: RealStage;
beforeEach(() => {
  stage = realStage();
  fs.mkdirSync(path.join(stage.root, "d"));
  calls.length = 0;
});
afterEach(() => {
  before.clear();
  stage.close();
});

it("a file is whole on the disk before it gets its name, and the name is before the call succeeds", async () => {
  await stage.host.writeFile("/d/f", text("x"), {});
  const temporary = ".f.harmony-new";
  expect(calls).toEqual([
    `unlink ${temporary}`,
    `open ${temporary}`,
    `chmod ${temporary}`,
    `sync ${temporary}`,
    `rename ${temporary}`,
    "sync d",
  ]);
});

it("a directory and its name are on the disk before the call succeeds", async () => {
  await stage.host.makeDirectory("/d/e", {});
  expect(calls).toEqual(["mkdir e", "open e", "chmod e", "sync e", "sync d"]);
});

it("a removal is on the disk before the call succeeds", async () => {
  fs.writeFileSync(path.join(stage.root, "d/f"), "");
  fs.mkdirSync(path.join(stage.root, "d/e"));
  await stage.host.removeFile("/d/f");
  await stage.host.removeDirectory("/d/e");
  expect(calls).toEqual(["unlink f", "unlink .f.harmony-new", "sync d", "rmdir e", "sync d"]);
});

it("nothing is written to the disk when there is nothing to remove", async () => {
  await stage.host.removeFile("/d/f");
  await stage.host.removeDirectory("/d/e");
  expect(calls.filter((call) => call.startsWith("sync"))).toEqual([]);
});

it.each(["a directory", "a link"])("%s that comes while the file is written is refused, and stays", async (what) => {
  const at = path.join(stage.root, "d/f");
  before.set("sync .f.harmony-new", () => {
    if (what === "a link") fs.symlinkSync("elsewhere", at);
    else fs.mkdirSync(at);
  });
  expect(await refusal("/d/f", () => stage.host.writeFile("/d/f", text("x"), {}))).toMatchObject({
    code: "Obstructed",
  });
  expect(stage.tree()).toMatchObject({ "/d/f": what === "a link" ? { target: "elsewhere" } : { type: "directory" } });
  expect(fs.readdirSync(path.join(stage.root, "d"))).toEqual(["f"]);
});

it("another process that writes the same file at the same time never gets its half under the name", async () => {
  const temporary = path.join(stage.root, "d/.f.harmony-new");
  before.set("sync .f.harmony-new", () => {
    fs.unlinkSync(temporary);
    fs.writeFileSync(temporary, "half");
  });
  const write = () => stage.host.writeFile("/d/f", text("x"), {});
  expect(await refusal("/d/f", write)).toMatchObject({ code: "Busy", retryable: true });
  expect(stage.tree()).not.toHaveProperty(["/d/f"]);
});

it.each(["chmod", "sync", "rename"])("a failure of %s leaves the old file, and nothing else", async (call) => {
  fs.writeFileSync(path.join(stage.root, "d/f"), "old");
  before.set(`${call} .f.harmony-new`, () => {
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO", errno: -5 });
  });
  const problem = await refusal("/d/f", () => stage.host.writeFile("/d/f", text("new"), {}));
  expect(problem).toMatchObject({ code: "Failed", message: expect.stringContaining("EIO") });
  expect(fs.readFileSync(path.join(stage.root, "d/f"), "utf8")).toBe("old");
  expect(fs.readdirSync(path.join(stage.root, "d"))).toEqual(["f"]);
});

it("a failure to give a directory its permissions leaves none", async () => {
  before.set("chmod e", () => {
    throw Object.assign(new Error("EPERM"), { code: "EPERM", errno: -1 });
  });
  expect(await refusal("/d/e", () => stage.host.makeDirectory("/d/e", {}))).toMatchObject({ code: "NotPermitted" });
  expect(fs.readdirSync(path.join(stage.root, "d"))).toEqual([]);
});

it("what is no error of the system comes out as it is, since it is a bug", async () => {
  const bug = new TypeError("a bug");
  before.set("mkdir e", () => {
    throw bug;
  });
  await expect(stage.host.makeDirectory("/d/e", {})).rejects.toBe(bug);
});
