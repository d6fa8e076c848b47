import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import * as z from "zod";
import { LocalShell, type LocalShellOptions } from "../../../src/agent/adapters/local-shell.ts";
import type { AuditedShell, ShellCommand } from "../../../src/capabilities/index.ts";
import { PortError } from "../../../src/capabilities/port-error.ts";
import type { Event } from "../../../src/wire/events.ts";

const { signal } = new AbortController();
const isRoot = process.geteuid?.() === 0;
const patience = { timeout: 15_000, interval: 20 };

interface Place {
  readonly folder: string;
  readonly shell: AuditedShell;
  readonly offering: LocalShell;
  readonly logged: readonly string[];
  /** What is on record. */
  readonly audit: () => readonly Readonly<Record<string, unknown>>[];
}

function openPlace(folder: string, options: Partial<LocalShellOptions> = {}): Place {
  const logged: string[] = [];
  const log = (message: string, fields = {}): void => void logged.push(`${message} ${JSON.stringify(fields)}`);
  const offering = new LocalShell({ isEnabled: true, directory: folder, log, ...options });
  onTestFinished(() => offering.close());
  const file = join(folder, "audit.jsonl");
  const audit = (): readonly Readonly<Record<string, unknown>>[] =>
    existsSync(file)
      ? readFileSync(file, "utf8")
          .split("\n")
          .filter((line) => line !== "")
          .map((line) => z.record(z.string(), z.unknown()).parse(JSON.parse(line)))
      : [];
  return { folder, shell: offering.port, offering, logged, audit };
}

function place(options: Partial<LocalShellOptions> = {}): Place {
  const folder = mkdtempSync(join(tmpdir(), "harmony-shell-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return openPlace(folder, options);
}

const command = (argv: readonly string[], more: Partial<ShellCommand> = {}): ShellCommand => ({
  job: "job",
  argv,
  runAs: userInfo().username,
  workingDirectory: "/",
  environment: {},
  secrets: [],
  timeoutMs: 20_000,
  approver: "Ada",
  expires: "2099-01-01T00:00:00.000Z",
  ...more,
});
const script = (text: string, more: Partial<ShellCommand> = {}): ShellCommand => command(["/bin/sh", "-c", text], more);

/** A length of sleep that no other process has. */
let naps = 0;
const nap = (): string => `${10_000 + process.pid}.${++naps}`;

/** Whether a process is there that sleeps for so long. */
const isNapping = (length: string): boolean =>
  readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .some((pid) => {
      try {
        // Not while it is still the program that gives up the agent's rights, and will become this one.
        return /^[\w/]*sleep\0(.*)\0$/.exec(readFileSync(`/proc/${pid}/cmdline`, "utf8"))?.[1] === length;
      } catch {
        return false;
      }
    });

describe("the agent's own record", () => {
  test("has each line of this one by its hash, and no word of a command or of its output", async () => {
    const events: Event[] = [];
    const { shell, folder } = place({ record: async (event) => void events.push(event) });
    await shell.check(script("exit 1"), signal);
    await shell.run(script("echo loud"), "run", signal);
    await expect(shell.run(script("exit 3"), "undo", signal)).rejects.toMatchObject({ problem: { code: "Failed" } });
    const lines = readFileSync(join(folder, "audit.jsonl"), "utf8").trimEnd().split("\n");
    expect(events.map((event) => "recordSha256" in event && event.recordSha256)).toEqual(
      lines.map((line) => createHash("sha256").update(line).digest("hex")),
    );
    expect(events).toMatchObject([
      { type: "JobChecked", job: "job", approver: "Ada" },
      { type: "JobBegins", purpose: "run" },
      { type: "JobEnded", purpose: "run", ending: "exited", exitCode: 0 },
      { type: "JobBegins", purpose: "undo" },
      { type: "JobEnded", purpose: "undo", ending: "exited", exitCode: 3 },
    ]);
    expect(JSON.stringify(events)).not.toMatch(/loud|exit 3|bin\/sh/);
  });

  test("where it takes nothing, nothing is run, and nothing is said to have been", async () => {
    const full = new PortError({ code: "NoSpace", message: "full", blame: "device", next: "" });
    const { shell, folder, audit } = place({ record: () => Promise.reject(full) });
    const touch = command(["/usr/bin/touch", join(folder, "made")]);
    await expect(shell.run(touch, "run", signal)).rejects.toBe(full);
    await expect(shell.check(touch, signal)).rejects.toBe(full);
    expect([existsSync(join(folder, "made")), audit()]).toEqual([false, []]);
  });

  test("what it was told of and could not be written here is told not to have been started", async () => {
    const events: Event[] = [];
    const { shell, folder } = place({ record: async (event) => void events.push(event) });
    await shell.lastRun("job");
    mkdirSync(join(folder, "audit.jsonl"));
    const touch = command(["/usr/bin/touch", join(folder, "made")]);
    await expect(shell.run(touch, "run", signal)).rejects.toMatchObject({ problem: { code: "Failed" } });
    expect(existsSync(join(folder, "made"))).toBe(false);
    expect(events).toMatchObject([{ type: "JobBegins" }, { type: "JobEnded", ending: "not-started", exitCode: null }]);
  });
});

describe("where it is not enabled", () => {
  const reason = "not enabled on this device (harmony agent run --allow-audited-shell)";

  test("it is not offered, and says how that would be changed", async () => {
    expect(await place({ isEnabled: false }).offering.detect()).toEqual({ _tag: "Absent", reason, isFinal: true });
  });

  test("nothing is run either way, and nothing is written", async () => {
    const { shell, folder } = place({ isEnabled: false });
    const touch = command(["/usr/bin/touch", join(folder, "made")]);
    for (const call of [
      () => shell.check(touch, signal),
      () => shell.run(touch, "run", signal),
      () => shell.lastRun("job"),
    ]) {
      await expect(call()).rejects.toMatchObject({
        problem: { code: "NotPermitted", message: `No command is run: ${reason}.` },
      });
    }
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("it is offered where it is enabled, and says who commands may run as and where the record is", async () => {
  const { offering, folder } = place();
  expect(await offering.detect()).toEqual({
    _tag: "Found",
    facts: { runAs: isRoot ? "any user" : "the agent's own user", record: `${folder}/audit.jsonl` },
  });
});

test("it is not offered where no record can be kept", async () => {
  const { offering, folder } = place();
  symlinkSync("/etc/hostname", join(folder, "audit.jsonl"));
  expect(await offering.detect()).toMatchObject({
    _tag: "Absent",
    reason: expect.stringContaining("so nothing is run"),
  });
});

describe("a check", () => {
  test.each([0, 1, 2, 255])("tells the exit code %i", async (code) => {
    const { shell } = place();
    expect(await shell.check(script(`exit ${code}`), signal)).toMatchObject({ ending: "exited", exitCode: code });
  });

  test("tells of a program that is not there by the exit code 127, and why", async () => {
    const answer = await place().shell.check(command(["/no/such/program"]), signal);
    expect(answer).toMatchObject({ exitCode: 127, output: expect.stringContaining("/no/such/program") });
  });

  test("that a signal ends has no exit code", async () => {
    const answer = await place().shell.check(script("kill -9 $$"), signal);
    expect(answer).toMatchObject({ ending: "killed", exitCode: null });
  });

  test("says since when it has answered so, which does not change while the answer does not", async () => {
    const { shell, folder } = place();
    const file = join(folder, "there");
    const asks = (): Promise<string> =>
      shell.check(command(["/usr/bin/test", "-e", file]), signal).then(({ since }) => since);
    const first = await asks();
    await vi.waitFor(() => expect(new Date().toISOString()).not.toBe(first));
    expect(await asks()).toBe(first);
    writeFileSync(file, "");
    const second = await asks();
    expect(second > first).toBe(true);
    expect(await asks()).toBe(second);
  });

  test("is recorded the first time, and again when it is another command", async () => {
    const { shell, audit } = place();
    for (const text of ["exit 0", "exit 0", "exit 1", "exit 0"]) await shell.check(script(text), signal);
    expect(audit()).toMatchObject([
      { event: "checks", job: "job", approver: "Ada", argv: ["/bin/sh", "-c", "exit 0"] },
      { event: "checks", argv: ["/bin/sh", "-c", "exit 1"] },
    ]);
  });
});

describe("a run", () => {
  test("gets its words as they are, with no shell between", async () => {
    const words = ["; exit 3", "$(id)", "`id`", "a  b", "*", "", "ü\n"];
    const { output } = await place().shell.run(command(["/usr/bin/printf", "<%s>", ...words]), "run", signal);
    expect(output).toBe(words.map((word) => `<${word}>`).join(""));
  });

  test("gets its own environment, and nothing of the agent's", async () => {
    vi.stubEnv("AGENT_SECRET", "x");
    onTestFinished(() => void vi.unstubAllEnvs());
    const { output } = await place().shell.run(
      command(["/usr/bin/env"], { environment: { LEVEL: "a b" } }),
      "run",
      signal,
    );
    const names = output
      .trim()
      .split("\n")
      .map((line) => line.replace(/=.*/, ""));
    expect(names.toSorted()).toEqual([
      "HARMONY_JOB",
      "HARMONY_RUN",
      "HOME",
      "LC_ALL",
      "LEVEL",
      "LOGNAME",
      "PATH",
      "USER",
    ]);
    expect(output).toContain("LEVEL=a b\n");
  });

  test("runs in its directory, and not at all where that is not there", async () => {
    const { shell, folder, audit } = place();
    expect(await shell.run(command(["/usr/bin/pwd"], { workingDirectory: folder }), "run", signal)).toMatchObject({
      output: `${folder}\n`,
    });
    const nowhere = command(["/usr/bin/pwd"], { workingDirectory: join(folder, "none") });
    await expect(shell.run(nowhere, "run", signal)).rejects.toMatchObject({
      problem: { code: "NotFound", blame: "author", message: expect.stringContaining("/none that the job") },
    });
    expect(audit().at(-1)).toMatchObject({ event: "not-started" });
  });

  test("reads nothing", async () => {
    expect(await place().shell.run(command(["/usr/bin/cat"]), "run", signal)).toMatchObject({
      exitCode: 0,
      output: "",
    });
  });

  test("that ends with another code than 0 fails with the code and its last words", async () => {
    const { shell } = place();
    await expect(shell.run(script("echo first; echo no such host >&2; exit 3"), "run", signal)).rejects.toMatchObject({
      problem: {
        code: "Failed",
        blame: "author",
        message: expect.stringMatching(/exit code 3 after \d+ ms, its last words: no such host$/),
      },
    });
    expect(await shell.lastRun("job")).toMatchObject({ exitCode: 3, output: "first\nno such host\n" });
  });

  test("is refused where the host knows no such user, and leaves no run without an end", async () => {
    const { shell, audit } = place();
    await expect(shell.run(command(["/bin/true"], { runAs: "nobody-knows" }), "run", signal)).rejects.toMatchObject({
      problem: { code: "Invalid", message: 'The host knows no user "nobody-knows".' },
    });
    expect(audit()).toEqual([]);
  });

  test("waits for the one before it", async () => {
    const { shell, folder } = place();
    const file = join(folder, "order");
    await Promise.all(
      ["a", "b", "c"].map((word) =>
        shell.run(script(`echo ${word} >>${file}; sleep 0.05; echo ${word} >>${file}`), "run", signal),
      ),
    );
    expect(readFileSync(file, "utf8")).toBe("a\na\nb\nb\nc\nc\n");
  });
});

describe("of an output", () => {
  test("the end is kept, at most 4 KiB, and all of it is counted and hashed", async () => {
    const bytes = 8 * 1024 * 1024;
    const ran = await place().shell.run(
      script(`head -c ${bytes} /dev/zero | tr '\\0' x; echo; echo the end`),
      "run",
      signal,
    );
    const whole = `${"x".repeat(bytes)}\nthe end\n`;
    expect(Buffer.byteLength(ran.output)).toBe(4096);
    expect(ran.output.endsWith("x\nthe end\n")).toBe(true);
    expect(ran.outputBytes).toBe(whole.length);
    expect(ran.outputSha256).toBe(createHash("sha256").update(whole).digest("hex"));
  });

  test("no character is cut in two", async () => {
    const ran = await place().shell.run(
      script("i=0; while [ $i -lt 3000 ]; do printf 'ü€'; i=$((i+1)); done; echo"),
      "run",
      signal,
    );
    expect(ran.output).toMatch(/^[ü€]+\n$/);
  });
});

describe("secrets", () => {
  const secret = "hunter2-hunter2";
  const hidden = { environment: { PIN: secret }, secrets: [secret] };

  test("reach the command, and are in nothing that is told or recorded", async () => {
    const { shell, folder, logged } = place();
    const tell = `test "$PIN" = ${secret} && echo "pin $PIN" && printf %s "$PIN" | base64 && echo url://me:other-secret@host`;
    const ran = await shell.run(script(tell, hidden), "run", signal);
    expect(ran.output).toMatch(/^pin \[redacted\]\n\[redacted\].*\nurl:\/\/me:\[redacted\]@host\n$/);
    await shell
      .check(script(`echo ${secret}; exit 2`, hidden), signal)
      .then(({ output }) => expect(output).toBe("[redacted]\n"));
    await expect(shell.run(script("echo $PIN; exit 1", hidden), "run", signal)).rejects.toThrow(
      /last words: \[redacted\]$/,
    );
    const everything = readFileSync(join(folder, "audit.jsonl"), "utf8") + logged.join("\n");
    expect(everything).toContain("[redacted]");
    expect(everything).not.toMatch(/hunter2|other-secret/);
  });

  test("are not left where the limit of the output cuts them", async () => {
    const { shell } = place();
    // Each of them gets shorter when it is taken out, so that more of the beginning comes into sight.
    for (let before = 0; before < secret.length; before += 1) {
      const tell = `i=0; while [ $i -lt 1000 ]; do printf %s "$PIN"; i=$((i+1)); done; head -c ${before} /dev/zero | tr '\\0' x`;
      const { output } = await shell.run(script(tell, hidden), "run", signal);
      expect(output.replaceAll("[redacted]", "")).toBe("x".repeat(before));
    }
  });
});

describe("no process is left", () => {
  test("of a command that takes too long: neither what it started nor what made itself a daemon", async () => {
    const { shell } = place();
    const [one, two, three] = [nap(), nap(), nap()];
    const slow = script(`sleep ${one} & setsid sleep ${two} & sleep ${three}`, { timeoutMs: 400 });
    await expect(shell.run(slow, "run", signal)).rejects.toMatchObject({
      problem: { code: "TimedOut", blame: "author", message: expect.stringContaining("was ended after 0.4 s") },
    });
    expect(await shell.lastRun("job")).toMatchObject({ ending: "timed-out", exitCode: null });
    await vi.waitFor(() => expect([one, two, three].filter(isNapping)).toEqual([]), patience);
  });

  test("of one that will not end: it is killed", async () => {
    const { shell } = place();
    const one = nap();
    const stubborn = script(`trap '' TERM; sleep ${one}; sleep ${one}; sleep ${one}`, { timeoutMs: 300 });
    expect(await shell.check(stubborn, signal)).toMatchObject({ ending: "timed-out" });
    await vi.waitFor(() => expect(isNapping(one)).toBe(false), patience);
  });

  test("of one that has ended by itself", async () => {
    const { shell } = place();
    const [one, two] = [nap(), nap()];
    const ran = await shell.run(
      script(`sleep ${one} & setsid sleep ${two} >/dev/null 2>&1 & echo done`),
      "run",
      signal,
    );
    expect(ran).toMatchObject({ ending: "exited", exitCode: 0, output: "done\n" });
    await vi.waitFor(() => expect([one, two].filter(isNapping)).toEqual([]), patience);
  });

  test("of one that is given up, nor of one that the agent's end comes before", async () => {
    const { shell, offering } = place();
    const [one, two] = [nap(), nap()];
    const giveUp = new AbortController();
    const givenUp = shell.run(command(["/usr/bin/sleep", one]), "run", giveUp.signal);
    await vi.waitFor(() => expect(isNapping(one)).toBe(true), patience);
    giveUp.abort();
    await expect(givenUp).rejects.toMatchObject({ problem: { code: "TimedOut", blame: "platform" } });
    const closed = shell.run(command(["/usr/bin/sleep", two]), "run", signal);
    await vi.waitFor(() => expect(isNapping(two)).toBe(true), patience);
    offering.close();
    await expect(closed).rejects.toMatchObject({ problem: { code: "TimedOut" } });
    expect(await shell.lastRun("job")).toMatchObject({ ending: "stopped" });
    expect([one, two].filter(isNapping)).toEqual([]);
  });

  test("of one whose agent is killed, and what it was doing is told by the next", async () => {
    const { folder } = place();
    const one = nap();
    const source = fileURLToPath(new URL("../../../src/agent/adapters/local-shell.ts", import.meta.url));
    const sleep = command(["/usr/bin/sleep", one]);
    const agent: ChildProcess = spawn(process.execPath, [
      "--input-type=module",
      "-e",
      `import { LocalShell } from ${JSON.stringify(source)};
       const { port } = new LocalShell({ isEnabled: true, directory: ${JSON.stringify(folder)}, log() {} });
       await port.run(${JSON.stringify(sleep)}, "run", new AbortController().signal);`,
    ]);
    onTestFinished(() => void agent.kill("SIGKILL"));
    await vi.waitFor(() => expect(isNapping(one)).toBe(true), patience);
    agent.kill("SIGKILL");
    await once(agent, "exit");
    await vi.waitFor(() => expect(isNapping(one)).toBe(false), patience);
    const next = openPlace(folder);
    expect(await next.shell.lastRun("job")).toMatchObject({ purpose: "run", ending: "interrupted", exitCode: null });
    expect(next.audit().map(({ event }) => event)).toEqual(["begins", "interrupted"]);
    expect(await openPlace(folder).shell.lastRun("job")).toMatchObject({ ending: "interrupted" });
    expect(next.audit()).toHaveLength(2);
  });

  test("of an earlier life of the agent, wherever it went", async () => {
    const { folder, shell, logged } = place();
    const one = nap();
    const run = "6a1d9a2e-0000-4000-8000-000000000000";
    const left = spawn("setsid", ["sleep", one], {
      env: { PATH: "/usr/bin:/bin", HARMONY_RUN: run },
      detached: true,
      stdio: "ignore",
    });
    onTestFinished(() => void left.kill("SIGKILL"));
    await vi.waitFor(() => expect(isNapping(one)).toBe(true), patience);
    const begins = {
      event: "begins",
      at: "2026-01-01T00:00:00.000Z",
      run,
      job: "job",
      purpose: "run",
      argv: [],
      runAs: "root",
      approver: "Ada",
      expires: "",
    };
    writeFileSync(join(folder, "audit.jsonl"), `${JSON.stringify(begins)}\n`);
    expect(await shell.lastRun("job")).toMatchObject({ ending: "interrupted", at: "2026-01-01T00:00:00.000Z" });
    // What has been killed is still to be seen for a moment.
    await vi.waitFor(() => expect(isNapping(one)).toBe(false), patience);
    expect(logged.join()).toMatch(/a job was interrupted by the end of the agent .*"left":[12]/);
  });
});

describe("the record", () => {
  test("holds that a run begins before it does, and then what came of it", async () => {
    const { shell, folder, audit } = place();
    const { output } = await shell.run(command(["/usr/bin/cat", join(folder, "audit.jsonl")]), "undo", signal);
    const begins = {
      event: "begins",
      job: "job",
      purpose: "undo",
      argv: ["/usr/bin/cat", join(folder, "audit.jsonl")],
      runAs: userInfo().username,
      approver: "Ada",
      expires: "2099-01-01T00:00:00.000Z",
    };
    expect(JSON.parse(output)).toMatchObject(begins);
    expect(audit()).toMatchObject([
      begins,
      {
        event: "ended",
        job: "job",
        ending: "exited",
        exitCode: 0,
        outputSha256: createHash("sha256").update(output).digest("hex"),
        output,
      },
    ]);
    expect(new Set(audit().map(({ run }) => run)).size).toBe(1);
  });

  test("outlives the agent", async () => {
    const { shell, folder } = place();
    const ran = await shell.run(script("echo hello"), "run", signal);
    expect(await openPlace(folder).shell.lastRun("job")).toEqual(ran);
    expect(await openPlace(folder).shell.lastRun("another")).toBeNull();
  });

  test("that cannot be written keeps everything from being run", async () => {
    const { shell, folder } = place();
    await shell.run(script("true"), "run", signal);
    rmSync(join(folder, "audit.jsonl"));
    mkdirSync(join(folder, "audit.jsonl"));
    const touch = command(["/usr/bin/touch", join(folder, "made")]);
    for (const call of ["run", "check"] as const) {
      const called = call === "run" ? shell.run(touch, "run", signal) : shell.check(touch, signal);
      await expect(called).rejects.toMatchObject({
        problem: { code: "Failed", blame: "device", message: expect.stringContaining("so nothing is run") },
      });
    }
    expect(existsSync(join(folder, "made"))).toBe(false);
    rmSync(join(folder, "audit.jsonl"), { recursive: true });
    await shell.run(touch, "run", signal);
    expect(existsSync(join(folder, "made"))).toBe(true);
  });
});

describe.skipIf(!isRoot)(
  "as root (the tests of this part are skipped for other users: they cannot change who they are)",
  () => {
    test("a command runs as its user, with no right of root left", async () => {
      const { shell, folder } = place();
      const groups = process.getgroups?.() ?? [];
      process.setgroups?.([0, 4711]);
      onTestFinished(() => process.setgroups?.(groups));
      const tell = script(
        "id -u; id -g; id -G; grep -E 'Cap(Inh|Prm|Eff|Amb)' /proc/self/status | cut -f2 | sort -u; echo $HOME $USER",
        { runAs: "nobody" },
      );
      const ran = await shell.run(tell, "run", signal);
      expect(ran.output).toBe("65534\n65534\n65534\n0000000000000000\n/nonexistent nobody\n");
      expect(ran.runAs).toBe("nobody");
      const reads = command(["/usr/bin/cat", join(folder, "audit.jsonl")], { runAs: "65534" });
      await expect(shell.run(reads, "run", signal)).rejects.toThrow(/Permission denied/);
    });

    test("an agent that is not root runs nothing as somebody else", async () => {
      const { shell, folder } = place();
      await shell.lastRun("job");
      onTestFinished(() => process.seteuid?.(0));
      process.seteuid?.(65534);
      await expect(
        shell.run(command(["/usr/bin/touch", join(folder, "made")], { runAs: "root" }), "run", signal),
      ).rejects.toMatchObject({
        problem: {
          code: "NotPermitted",
          message: "The agent runs as the user 65534 and cannot run a command as root.",
        },
      });
      process.seteuid?.(0);
      expect(existsSync(join(folder, "made"))).toBe(false);
    });
  },
);
