import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NodeFileSystem } from "../../../src/agent/adapters/node-file-system.ts";
import { PortError, type FileSystemEntry, type PortErrorCode } from "../../../src/capabilities/index.ts";
import { changesOf } from "../../capabilities/file-system-host/changes.ts";
import { AGENT_IS_ROOT, realStage, type RealStage } from "../../capabilities/file-system-host/real-stage.ts";
import { allRefused, refusal, refusals, text, turn } from "../../capabilities/file-system-host/stage.ts";

const SECRET = "outside";
const swapper = fileURLToPath(new URL("symlink-swapper.js", import.meta.url));

/** All that can be seen of the directory that must not be touched. */
function outsideOf({ outside }: RealStage): readonly unknown[] {
  return ["", ...fs.readdirSync(outside)].map((name) => {
    const at = path.join(outside, name);
    const { mode, uid, gid, ino, mtimeMs, ctimeMs, nlink } = fs.lstatSync(at);
    return {
      name,
      mode,
      uid,
      gid,
      ino,
      mtimeMs,
      ctimeMs,
      nlink,
      content: name === "" ? "" : fs.readFileSync(at, "utf8"),
    };
  });
}

/** What a call may meet while another process swaps. */
const fair: ReadonlySet<PortErrorCode> = new Set(["Obstructed", "NotFound", "Busy"]);

/** Does something until it was both done and refused, and at least 400 times; anything but a PortError fails. */
async function race(attempt: (round: number) => unknown): Promise<void> {
  const seen = { done: 0, refused: 0 };
  for (let round = 0; round < 400 || seen.done === 0 || seen.refused === 0; round++) {
    try {
      await attempt(round);
      seen.done++;
    } catch (error) {
      if (!(error instanceof PortError) || !fair.has(error.problem.code)) throw error;
      seen.refused++;
    }
    await turn();
  }
}

const mustBeInside = (entry: FileSystemEntry) => {
  if (entry.type !== "file") throw new PortError({ code: "NotFound", blame: "device", message: entry.type, next: "" });
  expect(entry).toMatchObject({ size: 6 });
};

describe("nothing outside the root is reached", () => {
  let stage: RealStage;
  let before: readonly unknown[];
  beforeEach(() => {
    stage = realStage();
    for (const name of ["f", "x"]) fs.writeFileSync(path.join(stage.outside, name), SECRET, { mode: 0o600 });
    before = outsideOf(stage);
  });
  afterEach(() => stage.close());

  const links: readonly [string, (outside: string, depth: string) => string][] = [
    ["an absolute link", (outside) => outside],
    ["a relative link", (_, depth) => `${depth}../outside`],
  ];

  describe.each(links)("by %s", (_, target) => {
    it("in the place of a parent", async () => {
      fs.mkdirSync(path.join(stage.root, "a/b"), { recursive: true });
      fs.symlinkSync(target(stage.outside, ""), path.join(stage.root, "top"));
      fs.symlinkSync(target(stage.outside, "../../"), path.join(stage.root, "a/b/deep"));
      for (const at of ["/top", "/a/b/deep"]) {
        for (const leaf of ["f", "x", "new", "new/new"]) {
          expect(stage.host.inspect(`${at}/${leaf}`)).toEqual({ type: "unreachable", at, because: "link" });
          const changes = changesOf(stage.host, `${at}/${leaf}`);
          expect(await refusals(at, changes)).toEqual(allRefused(changes, "Obstructed"));
        }
      }
      expect(outsideOf(stage)).toEqual(before);
    });

    it("in the place of the entry", async () => {
      fs.mkdirSync(path.join(stage.root, "a"));
      for (const name of ["f", "missing", ""]) {
        const at = `/a/l${name}`;
        fs.symlinkSync(path.join(target(stage.outside, "../"), name), path.join(stage.root, at));
        expect(stage.host.inspect(at)).toMatchObject({ type: "link" });
        const changes = changesOf(stage.host, at);
        expect(await refusals(at, changes)).toEqual(allRefused(changes, "Obstructed"));
        expect(fs.lstatSync(path.join(stage.root, at)).isSymbolicLink()).toBe(true);
      }
      expect(outsideOf(stage)).toEqual(before);
    });

    it("in the place of the temporary file", async () => {
      fs.symlinkSync(path.join(target(stage.outside, ""), "f"), path.join(stage.root, ".g.harmony-new"));
      await stage.host.writeFile("/g", text("inside"), {});
      expect(fs.readFileSync(path.join(stage.root, "g"), "utf8")).toBe("inside");
      expect(fs.readdirSync(stage.root)).toEqual(["etc", "g"]);
      expect(outsideOf(stage)).toEqual(before);
    });
  });

  it("by the links of /proc, with the whole machine as the root", async () => {
    const host = new NodeFileSystem();
    const descriptor = fs.openSync(stage.outside, fs.constants.O_RDONLY);
    const link = { type: "unreachable", because: "link" };
    expect(host.inspect(`/proc/${process.pid}/root${stage.outside}/f`)).toMatchObject(link);
    expect(host.inspect(`/proc/${process.pid}/cwd/f`)).toMatchObject(link);
    expect(host.inspect(`/proc/${process.pid}/fd/${descriptor}/f`)).toMatchObject(link);
    expect(host.inspect("/proc/self/status")).toMatchObject(link);
    const at = `/proc/${process.pid}/fd/${descriptor}/new`;
    expect(await refusal(at, () => host.writeFile(at, text(""), {}))).toMatchObject({ code: "Obstructed" });
    fs.closeSync(descriptor);
    host.close();
    expect(outsideOf(stage)).toEqual(before);
  });

  it("by another name of a file, which a write gives up and a change of attributes refuses", async () => {
    fs.linkSync(path.join(stage.outside, "f"), path.join(stage.root, "f"));
    const linked = outsideOf(stage);
    const change = () => stage.host.setAttributes("/f", { mode: "0666" });
    expect(await refusal("/f", change)).toMatchObject({ code: "Obstructed", blame: "device" });
    expect(outsideOf(stage)).toEqual(linked);
    await stage.host.writeFile("/f", text("inside"), {});
    await change();
    expect(fs.readFileSync(path.join(stage.outside, "f"), "utf8")).toBe(SECRET);
    expect(fs.statSync(path.join(stage.outside, "f")).mode & 0o777).toBe(0o600);
  });

  it("by a directory that was looked at right before it was replaced by a link", async () => {
    await stage.put("/d/f", { type: "file", text: "inside" });
    expect(stage.host.inspect("/d/f")).toMatchObject({ type: "file" });
    fs.renameSync(path.join(stage.root, "d"), path.join(stage.root, "moved"));
    fs.symlinkSync(stage.outside, path.join(stage.root, "d"));
    const write = () => stage.host.writeFile("/d/new", text("inside"), {});
    expect(await refusal("/d/new", write)).toMatchObject({ code: "Obstructed" });
    expect(fs.readdirSync(path.join(stage.root, "moved"))).toEqual(["f"]);
    expect(outsideOf(stage)).toEqual(before);
  });

  it("by a root that is moved away and replaced by a link", async () => {
    fs.renameSync(stage.root, `${stage.root}.moved`);
    fs.symlinkSync(stage.outside, stage.root);
    await stage.host.writeFile("/f", text("inside"), {});
    expect(fs.readFileSync(`${stage.root}.moved/f`, "utf8")).toBe("inside");
    expect(outsideOf(stage)).toEqual(before);
  });

  describe("while another process swaps", () => {
    let child: ChildProcess | undefined;
    const swap = async (victim: string, target: string) => {
      child = spawn(process.execPath, [swapper, victim, target], { stdio: ["ignore", "pipe", "inherit"] });
      if (child.stdout === null) throw new Error("the swapper's output is piped");
      await once(child.stdout, "data");
    };
    const stop = async () => {
      if (child === undefined) return;
      const over = once(child, "exit");
      child.kill("SIGKILL");
      await over;
      child = undefined;
    };
    afterEach(stop);

    it("a parent directory for a link to the outside", async () => {
      const victim = path.join(stage.root, "a/victim");
      fs.mkdirSync(victim, { recursive: true });
      fs.writeFileSync(path.join(victim, "f"), "inside");
      const { ino } = fs.statSync(path.join(victim, "f"));
      await swap(victim, stage.outside);
      const { host } = stage;
      await race((round) => host.writeFile(round % 2 === 0 ? "/a/victim/x" : "/a/victim/new", text("inside"), {}));
      await race(() => host.setAttributes("/a/victim/f", { mode: "0666" }));
      await race((round) => host.makeDirectory(`/a/victim/d${round}`, {}));
      await race((round) => host.removeDirectory(`/a/victim/d${round}`));
      await race(() => host.removeFile("/a/victim/x"));
      await race(() => mustBeInside(host.inspect("/a/victim/f")));
      await stop();
      expect(outsideOf(stage)).toEqual(before);
      const real = fs.lstatSync(victim, { throwIfNoEntry: false })?.isDirectory() === true ? victim : `${victim}.aside`;
      expect(fs.statSync(path.join(real, "f")).ino).toBe(ino);
    });

    it("the entry for a link to the outside", async () => {
      const victim = path.join(stage.root, "victim");
      fs.writeFileSync(victim, "inside");
      await swap(victim, path.join(stage.outside, "f"));
      const { host } = stage;
      await race(() => host.setAttributes("/victim", { mode: "0666" }));
      await race(() => mustBeInside(host.inspect("/victim")));
      await race(() => host.writeFile("/victim", text("inside"), {}));
      await stop();
      expect(outsideOf(stage)).toEqual(before);
    });
  });
});

describe("what is neither file, directory nor link", () => {
  let stage: RealStage;
  beforeEach(() => {
    stage = realStage();
  });
  afterEach(() => stage.close());

  it("is told of a socket", async () => {
    const server = createServer().listen(path.join(stage.root, "socket"));
    await once(server, "listening");
    expect(stage.host.inspect("/socket")).toEqual({ type: "special" });
    const changes = changesOf(stage.host, "/socket");
    expect(await refusals("/socket", changes)).toEqual(allRefused(changes, "Obstructed"));
    server.close();
  });

  it("is told of a device, which is not opened", async () => {
    const host = new NodeFileSystem();
    const opened = vi.spyOn(fs, "openSync");
    expect(host.inspect("/dev/null")).toEqual({ type: "special" });
    expect(host.inspect("/dev/tty")).toEqual({ type: "special" });
    expect(opened.mock.calls.map(([at]) => String(at)).filter((at) => /\/(null|tty)$/.test(at))).toEqual([]);
    expect(opened).toHaveBeenCalled();
    opened.mockRestore();
    const changes = changesOf(host, "/dev/null").slice(0, 2);
    expect(await refusals("/dev/null", changes)).toEqual(allRefused(changes, "Obstructed"));
    expect(fs.lstatSync("/dev/null").isCharacterDevice()).toBe(true);
    host.close();
  });

  it("is not waited for when it takes the place of a file that was read before", async () => {
    await stage.put("/f", { type: "file", text: "x" });
    expect(stage.host.inspect("/f")).toMatchObject({ type: "file" });
    await stage.put("/f", { type: "special" });
    expect(stage.host.inspect("/f")).toEqual({ type: "special" });
    await stage.take("/f");
    const server = createServer().listen(path.join(stage.root, "f"));
    await once(server, "listening");
    expect(stage.host.inspect("/f")).toEqual({ type: "special" });
    server.close();
  });
});

it.skipIf(!AGENT_IS_ROOT)(
  `keeps a file unreadable for others until it has its owner and permissions${AGENT_IS_ROOT ? "" : " (skipped: needs root)"}`,
  async () => {
    const stage = realStage();
    const modes = new Set<number>();
    const write = { done: false };
    const writing = stage.host
      .writeFile("/secret", new Uint8Array(20_000_000), { owner: "alice", mode: "0640" })
      .finally(() => (write.done = true));
    while (!write.done) {
      const there = fs.lstatSync(path.join(stage.root, ".secret.harmony-new"), { throwIfNoEntry: false });
      if (there !== undefined) modes.add(there.mode & 0o777);
      await turn();
    }
    await writing;
    expect([0o600, 0o640]).toEqual(expect.arrayContaining([...modes]));
    expect(modes.size).toBeGreaterThan(0);
    stage.close();
  },
);
