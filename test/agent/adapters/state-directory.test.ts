import { spawnSync } from "node:child_process";
import { chmod, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { StateDirectory } from "../../../src/agent/adapters/state-directory.ts";
import { EVENT_FILES, EventLog } from "../../../src/agent/event-log.ts";
import { Ledger } from "../../../src/agent/ledger.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { encodeScore } from "../../../src/wire/encode.ts";
import { AGENT, file } from "../support/manifests.ts";

async function temporary(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "harmony-state-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}
const bytes = (text: string): Uint8Array => Buffer.from(text);
const textOf = async (state: StateDirectory, name: string): Promise<string | null> => {
  const read = await state.read(name);
  return read === null ? null : Buffer.from(read).toString();
};
const modeOf = async (path: string): Promise<string> => ((await stat(path)).mode & 0o7777).toString(8);

describe("the directory", () => {
  test("lies below the root unless another is named, for the agent alone; what leads there is for everybody", async () => {
    const root = await temporary();
    const umask = process.umask(0o022);
    onTestFinished(() => void process.umask(umask));
    const state = await StateDirectory.open(root, null);
    expect(state.path).toBe(join(root, "var/lib/harmony-edge/agent"));
    expect(await modeOf(state.path)).toBe("700");
    expect(await modeOf(join(root, "var"))).toBe("755");
    expect(await modeOf(join(root, "var/lib"))).toBe("755");
    await state.replace("a", bytes("1"));
    const again = await StateDirectory.open(root, null);
    expect(await textOf(again, "a")).toBe("1");

    const other = join(await temporary(), "deep/er");
    expect((await StateDirectory.open(root, other)).path).toBe(other);
    expect(await modeOf(other)).toBe("700");
  });

  test.each(["var", "var/lib", "var/lib/harmony-edge", "var/lib/harmony-edge/agent"])(
    "is refused where a link at %s would lead out of the root",
    async (at) => {
      const root = await temporary();
      const outside = await temporary();
      await mkdir(join(root, at, ".."), { recursive: true });
      await symlink(outside, join(root, at));
      await expect(StateDirectory.open(root, null)).rejects.toMatchObject({
        name: "PortError",
        problem: { code: "Failed", blame: "device", message: expect.stringContaining("--state-dir") },
      });
      expect(await readdir(outside)).toEqual([]);
    },
  );

  test("that cannot be made is told with its path", async () => {
    const root = await temporary();
    await writeFile(join(root, "var"), "a file");
    await expect(StateDirectory.open(root, null)).rejects.toMatchObject({
      problem: { message: expect.stringContaining(root) },
    });
    await expect(StateDirectory.open(root, join(root, "var/x"))).rejects.toMatchObject({ problem: { code: "Failed" } });
  });
});

describe("a file", () => {
  test("is read as it was written, is null where there is none, and is for the agent alone", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    expect(await textOf(state, "a")).toBeNull();
    await state.replace("a", bytes("one"));
    await state.replace("a", bytes("two"));
    await state.append("b", bytes("1\n"));
    await state.append("b", bytes("2\n"));
    expect(await textOf(state, "a")).toBe("two");
    expect(await textOf(state, "b")).toBe("1\n2\n");
    expect(await modeOf(join(state.path, "a"))).toBe("600");
    expect(await modeOf(join(state.path, "b"))).toBe("600");
    expect((await readdir(state.path)).toSorted()).toEqual(["a", "b"]);
  });

  test("of the record of events is for the agent alone: each of the eight, and one that somebody took away", async () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const state = await StateDirectory.open(await temporary(), null);
    const about = { agentId: AGENT, bootId: "b", epoch: 1 };
    const parts = { disk: state, clock: new FakeClock(), about, newLog: () => "0123456789abcdef", fileBytes: 600 };
    const log = await EventLog.open(parts);
    const fence = (by: number) => log.append({ type: "Fenced", by });
    const modes = (): Promise<readonly string[]> =>
      Promise.all(EVENT_FILES.map((name) => modeOf(join(state.path, name))));
    await fence(1);
    await rm(join(state.path, "events.0.jsonl"));
    await fence(2);
    expect(await modeOf(join(state.path, "events.0.jsonl"))).toBe("600");
    for (let by = 3; by <= 40; by += 1) await fence(by);
    expect(await modes()).toEqual(EVENT_FILES.map(() => "600"));
  });

  test("is replaced as a whole: who has it open reads the old one to its end", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    await state.replace("a", bytes("old"));
    const before = await lstat(join(state.path, "a"));
    // What a crash left behind is no hindrance.
    await writeFile(join(state.path, "a.new"), "half of something that is longer than the new text");
    await state.replace("a", bytes("new"));
    expect(await textOf(state, "a")).toBe("new");
    expect((await lstat(join(state.path, "a"))).ino).not.toBe(before.ino);
  });

  test("whose last line a crash cut short gets the next one on a line of its own", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    await writeFile(join(state.path, "b"), '{"a":1}\n{"b":');
    await state.append("b", bytes('{"c":3}\n'));
    expect(await textOf(state, "b")).toBe('{"a":1}\n{"b":\n{"c":3}\n');
  });

  test("leaves nothing of an append that did not fit, so that what is tried again is not there twice", async () => {
    const root = await temporary();
    const script = `
      import { StateDirectory } from "./src/agent/adapters/state-directory.ts";
      const state = await StateDirectory.open(${JSON.stringify(root)}, null);
      await state.append("journal.jsonl", Buffer.from("one\\n"));
      const message = await state.append("journal.jsonl", Buffer.from("two\\n".repeat(2000))).then(() => "it fitted", (error) => error.problem.message);
      console.log(message);
    `;
    // The limit of a file's size cuts a write short, as a full disk does.
    const limited = [
      "--fsize=4096",
      process.execPath,
      "--conditions=harmony-edge-source",
      "--input-type=module",
      "-e",
      script,
    ];
    const { stdout, stderr } = spawnSync("prlimit", limited, { encoding: "utf8", timeout: 60_000 });
    expect([stdout, stderr]).toEqual([expect.stringContaining("journal.jsonl"), ""]);
    expect(stdout).not.toContain("it fitted");
    expect(await readFile(join(root, "var/lib/harmony-edge/agent/journal.jsonl"), "utf8")).toBe("one\n");
  });

  test("that is a link is neither read nor written through", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    const outside = join(await temporary(), "secret");
    await writeFile(outside, "keep\n");
    for (const name of ["a", "a.new"]) await symlink(outside, join(state.path, name));
    await expect(state.read("a")).rejects.toMatchObject({ name: "PortError" });
    await expect(state.append("a", bytes("x"))).rejects.toMatchObject({ name: "PortError" });
    await expect(state.replace("a", bytes("x"))).rejects.toMatchObject({ name: "PortError" });
    expect(await readFile(outside, "utf8")).toBe("keep\n");
  });

  test("that cannot be written is told by a typed error that names it", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    await mkdir(join(state.path, "a"));
    await expect(state.append("a", bytes("x"))).rejects.toMatchObject({
      name: "PortError",
      problem: { code: "Failed", blame: "device", message: expect.stringContaining(join(state.path, "a")) },
    });
    await expect(state.read("a")).rejects.toMatchObject({ problem: { code: "Failed" } });
  });

  test("in a directory that belongs to somebody else is told as such", async () => {
    const state = await StateDirectory.open(await temporary(), null);
    await chmod(state.path, 0o500);
    // Root may write everywhere, so that here it is nobody for a moment.
    if (process.geteuid?.() === 0) {
      process.seteuid?.("nobody");
      onTestFinished(() => process.seteuid?.(0));
    }
    await expect(state.append("b", bytes("x"))).rejects.toMatchObject({ problem: { code: "NotPermitted" } });
  });

  test("on a full disk says so", async ({ skip }) => {
    const full = await lstat("/dev/full").catch(() => null);
    if (full?.isCharacterDevice() !== true) skip("this machine has no /dev/full");
    const state = await StateDirectory.open(await temporary(), "/dev");
    await expect(state.append("full", bytes("x"))).rejects.toMatchObject({
      problem: { code: "NoSpace", next: expect.stringContaining("space") },
    });
  });
});

test("a ledger on a real disk survives a journal that is cut off at any byte", async () => {
  const state = await StateDirectory.open(await temporary(), null);
  const ledger = await Ledger.open(state, () => {});
  const owned = ["a", "b", "c"];
  for (const id of owned) {
    ledger.own(id, `path:/${id}`, encodeScore(file(`/${id}`, "ä")), []);
    await ledger.flush();
  }
  const journal = await readFile(join(state.path, "journal.jsonl"));
  const ends = [...journal.entries()].flatMap(([at, byte]) => (byte === 0x0a ? [at] : []));
  expect(ends).toHaveLength(3);
  const cuts = ends.flatMap((end) => [end - 100, end - 50, end - 1, end, end + 1]);
  for (const cut of cuts) {
    await writeFile(join(state.path, "journal.jsonl"), journal.subarray(0, cut));
    const found = await Ledger.open(state, () => {});
    // A line that lacks nothing but its end is whole.
    const whole = ends.filter((end) => end <= cut).length;
    expect([...found.owned.values()].map(({ id }) => id)).toEqual(owned.slice(0, whole));
    found.own("z", "path:/z", encodeScore(file("/z")), []);
    await found.flush();
    expect([...(await Ledger.open(state, () => {})).owned.keys()]).toEqual([
      ...owned.slice(0, whole).map((id) => `path:/${id}`),
      "path:/z",
    ]);
  }
});
