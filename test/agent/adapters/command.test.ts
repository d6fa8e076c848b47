import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type Command, runCommand } from "../../../src/agent/adapters/command.ts";
import { AGENT_IS_ROOT } from "../../capabilities/file-system-host/real-stage.ts";

const because = AGENT_IS_ROOT ? "" : " (skipped: needs root)";

const run = (argv: Command["argv"], rest: Partial<Command> = {}) =>
  runCommand({ argv, signal: new AbortController().signal, timeoutMs: 10_000, ...rest });

const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "harmony-command-"));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Whether a process runs (a zombie does not). */
const runs = (pid: number): boolean => {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
};

const gone = async (pid: number): Promise<boolean> => {
  for (let look = 0; look < 100 && runs(pid); look++) await sleep(20);
  return !runs(pid);
};

/** Waits for the script to say which process it started. */
const pidIn = async (file: string): Promise<number> => {
  for (let look = 0; look < 500; look++) {
    const text = existsSync(file) ? readFileSync(file, "utf8") : "";
    if (text.endsWith("\n")) return Number(text);
    await sleep(10);
  }
  throw new Error(`${file} never appeared`);
};

describe("a command", () => {
  it("gives back what it wrote and how it ended", async () => {
    expect(await run(["sh", "-c", "echo out; echo err >&2; exit 3"])).toEqual({
      _tag: "Ended",
      code: 3,
      signal: null,
      stdout: "out\n",
      stderr: "err\n",
      truncated: false,
      timedOut: false,
    });
  });

  it("takes every argument as it is, whatever a shell would make of it", async () => {
    const args = ["$HOME", "a b", "*", "`id`", "'", "", ";"];
    expect(await run(["printf", "[%s]", ...args])).toMatchObject({ stdout: args.map((arg) => `[${arg}]`).join("") });
  });

  it("reads its input, and an end at once where there is none", async () => {
    expect(await run(["cat"], { input: "ä\n" })).toMatchObject({ stdout: "ä\n", code: 0 });
    expect(await run(["cat"])).toMatchObject({ stdout: "", code: 0 });
  });

  it("may end without reading its input", async () => {
    expect(await run(["true"], { input: "x".repeat(4_000_000) })).toMatchObject({ code: 0 });
  });

  it("gets a clean environment: the system's PATH, LC_ALL=C and what is asked for", async () => {
    process.env["HARMONY_COMMAND_TEST"] = "1";
    const { stdout } = { stdout: "", ...(await run(["env"], { env: { DEBIAN_FRONTEND: "noninteractive" } })) };
    delete process.env["HARMONY_COMMAND_TEST"];
    expect(stdout.trim().split("\n").toSorted()).toEqual([
      "DEBIAN_FRONTEND=noninteractive",
      "LC_ALL=C",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]);
  });

  it("keeps the beginning of a long output, says so, and lets the program write on", async () => {
    const result = await run(["sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x; exit 7"], {
      outputLimitBytes: 1000,
    });
    expect(result).toMatchObject({ code: 7, truncated: true, stdout: "x".repeat(1000) });
  });

  it("is told apart where there is no such program, or it may not be run", async () => {
    expect(await run(["no-such-program-here"])).toEqual({ _tag: "NotFound" });
    expect(await run(["/etc"])).toEqual({ _tag: "NotStarted", message: "EACCES" });
    expect(await run(["true", "x".repeat(3_000_000)])).toEqual({ _tag: "NotStarted", message: "E2BIG" });
  });

  it("ends at its time limit, with all that it started", () =>
    inFolder(async (folder) => {
      const file = join(folder, "pid");
      const running = run(["sh", "-c", `sleep 1000 & echo $! >${file}; wait`], { timeoutMs: 500 });
      const pid = await pidIn(file);
      expect(await running).toMatchObject({ _tag: "Ended", code: null, signal: "SIGTERM", timedOut: true });
      expect(await gone(pid)).toBe(true);
    }));

  it("ends when the caller gives up, even where it does not listen", () =>
    inFolder(async (folder) => {
      const file = join(folder, "pid");
      const giveUp = new AbortController();
      const running = run(["sh", "-c", `trap '' TERM; sleep 1000 & echo $! >${file}; wait; wait`], {
        signal: giveUp.signal,
      });
      const pid = await pidIn(file);
      giveUp.abort();
      expect(await running).toMatchObject({ _tag: "Ended", signal: "SIGKILL", timedOut: true });
      expect(await gone(pid)).toBe(true);
    }));

  it("is not started for a caller who has given up", () =>
    inFolder(async (folder) => {
      const file = join(folder, "made");
      expect(await run(["touch", file], { signal: AbortSignal.abort() })).toMatchObject({ timedOut: true });
      expect(existsSync(file)).toBe(false);
    }));

  it("is not waited for by a service that it leaves running, which lives on", () =>
    inFolder(async (folder) => {
      const file = join(folder, "pid");
      expect(await run(["sh", "-c", `sleep 1000 & echo $! >${file}; echo started`])).toMatchObject({
        code: 0,
        stdout: "started\n",
        timedOut: false,
      });
      const pid = await pidIn(file);
      expect(runs(pid)).toBe(true);
      process.kill(pid, "SIGKILL");
    }));

  it.skipIf(!AGENT_IS_ROOT)(`runs as the user it is given${because}`, async () => {
    expect(await run(["id", "-u"], { uid: 65534, gid: 65534 })).toMatchObject({ stdout: "65534\n" });
  });

  it.runIf(process.getuid?.() === 0)(
    "is refused, not run as somebody else, where a program is closed to its user",
    () =>
      inFolder(async (folder) => {
        const program = join(folder, "program");
        writeFileSync(program, "#!/bin/sh\n", { mode: 0o700 });
        expect(await run([program], { uid: 65534, gid: 65534 })).toEqual({ _tag: "NotStarted", message: "EACCES" });
      }),
  );
});
