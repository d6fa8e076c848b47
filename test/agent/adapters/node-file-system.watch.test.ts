import { EventEmitter } from "node:events";
import fs from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PortProblem } from "../../../src/capabilities/index.ts";
import { AGENT_IS_ROOT, asNobody, realStage, type RealStage } from "../../capabilities/file-system-host/real-stage.ts";
import { drain, eventually } from "../../capabilities/file-system-host/stage.ts";

const because = AGENT_IS_ROOT ? "" : " (skipped: needs root)";

const errno = (code: string) => Object.assign(new Error(code), { code, errno: -28 });

let stage: RealStage;
let problems: PortProblem[];
beforeEach(() => {
  problems = [];
  stage = realStage({ onWatchProblem: (problem) => problems.push(problem) });
});
afterEach(() => {
  vi.restoreAllMocks();
  stage.close();
});

describe("a watch that cannot be set", () => {
  it.each(["ENOSPC", "EMFILE"])(
    "is told once for each directory when the answer is %s, and nothing is thrown",
    async (code) => {
      await stage.put("/a/f", { type: "file", text: "" });
      vi.spyOn(fs, "watch").mockImplementation(() => {
        throw errno(code);
      });
      for (let round = 0; round < 3; round++) stage.host.watch("/a/f", () => undefined);
      stage.host.watch("/a/g", () => undefined);
      expect(problems.map(({ code: told, blame }) => [told, blame])).toEqual([
        ["Unavailable", "device"],
        ["Unavailable", "device"],
      ]);
      expect(problems.map(({ message }) => message)).toEqual([
        expect.stringContaining("Watching / failed"),
        expect.stringContaining("Watching /a failed"),
      ]);
      expect(problems[0]?.next).toContain("max_user_watches");
    },
  );

  it("is set when its directory changes later", async () => {
    await stage.put("/a/f", { type: "file", text: "" });
    const real = fs.watch.bind(fs);
    vi.spyOn(fs, "watch")
      .mockImplementationOnce((at) => real(at))
      .mockImplementationOnce(() => {
        throw errno("ENOSPC");
      });
    let count = 0;
    stage.host.watch("/a/f", () => void count++);
    expect(problems).toHaveLength(1);
    fs.chmodSync(path.join(stage.root, "a"), 0o711);
    await eventually(() => expect(count).toBeGreaterThan(0));
    await drain(stage);
    const before = count;
    await stage.put("/a/f", { type: "file", text: "new" });
    await eventually(() => expect(count).toBeGreaterThan(before));
    expect(problems).toHaveLength(1);
  });

  it("is not told again when a change in its directory makes no difference", async () => {
    await stage.put("/a/f", { type: "file", text: "" });
    const real = fs.watch.bind(fs);
    const spy = vi.spyOn(fs, "watch");
    spy.mockImplementationOnce((at) => real(at));
    spy.mockImplementation(() => {
      throw errno("ENOSPC");
    });
    let count = 0;
    stage.host.watch("/a/f", () => void count++);
    fs.chmodSync(path.join(stage.root, "a"), 0o711);
    await eventually(() => expect(count).toBeGreaterThan(0));
    expect(spy.mock.calls.length).toBeGreaterThan(2);
    expect(problems).toHaveLength(1);
  });

  it("is told when it breaks down later", async () => {
    await stage.put("/a/f", { type: "file", text: "" });
    const spy = vi.spyOn(fs, "watch");
    stage.host.watch("/a/f", () => undefined);
    expect(spy.mock.results).toHaveLength(2);
    const watcher: unknown = spy.mock.results[1]?.value;
    if (!(watcher instanceof EventEmitter)) throw new Error("a watch emits events");
    watcher.emit("error", errno("EIO"));
    expect(problems).toEqual([expect.objectContaining({ code: "Failed", message: expect.stringContaining("/a") })]);
  });

  it.skipIf(!AGENT_IS_ROOT)(`tells of a directory that may not be read${because}`, async () => {
    await stage.put("/a/f", { type: "file", text: "" });
    await stage.put("/a", { type: "directory", mode: "0711" });
    await asNobody(() => stage.host.watch("/a/f", () => undefined));
    expect(problems).toEqual([
      expect.objectContaining({ code: "NotPermitted", message: expect.stringContaining("/a") }),
    ]);
  });
});

describe("watches", () => {
  it("are one for each directory, shared, and closed with the last of its paths or with the host", async () => {
    const spy = vi.spyOn(fs, "watch");
    const before = inotifyWatches();
    await stage.put("/a/b/f", { type: "file", text: "" });
    const stops = Array.from({ length: 50 }, (_, index) => stage.host.watch(`/a/b/${index}`, () => undefined));
    expect(spy).toHaveBeenCalledTimes(3);
    expect(inotifyWatches()).toBe(before + 3);
    for (const stop of stops.slice(1)) stop();
    expect(inotifyWatches()).toBe(before + 3);
    stops[0]?.();
    expect(inotifyWatches()).toBe(before);
    let count = 0;
    stage.host.watch("/a/b/f", () => void count++);
    fs.renameSync(path.join(stage.root, "a"), path.join(stage.root, "moved"));
    await stage.put("/a/b/f", { type: "file", text: "" });
    await drain(stage);
    expect(count).toBeGreaterThan(0);
    expect(inotifyWatches()).toBe(before + 3);
    stage.host.close();
    expect(inotifyWatches()).toBe(before);
  });
});

describe("a watch", () => {
  it("is set on the directory that is there, not on the one that was looked at right before", async () => {
    await stage.put("/a/b/f", { type: "file", text: "old" });
    expect(stage.host.inspect("/a/b/f")).toMatchObject({ type: "file" });
    fs.renameSync(path.join(stage.root, "a/b"), path.join(stage.root, "a/moved"));
    fs.mkdirSync(path.join(stage.root, "a/b"));
    let count = 0;
    stage.host.watch("/a/b/f", () => void count++);
    await stage.put("/a/b/f", { type: "file", text: "new" });
    await eventually(() => expect(count).toBeGreaterThan(0));
  });

  it("tells of new permissions of the root itself", async () => {
    let count = 0;
    stage.host.watch("/", () => void count++);
    fs.chmodSync(stage.root, 0o711);
    await eventually(() => expect(count).toBeGreaterThan(0));
  });
});

/** How many the kernel keeps for this process. */
function inotifyWatches(): number {
  const infos = fs.readdirSync("/proc/self/fdinfo").map((descriptor) => {
    try {
      return fs.readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8");
    } catch {
      return ""; // The descriptor of the listing itself is closed by now.
    }
  });
  return infos
    .join("")
    .split("\n")
    .filter((line) => line.startsWith("inotify")).length;
}
