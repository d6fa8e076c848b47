import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Journalctl } from "../../../src/agent/adapters/journalctl.ts";
import type { LogEntry, LogGap, LogQuery } from "../../../src/agent/logs/log-source.ts";
import { PortError } from "../../../src/capabilities/port-error.ts";
import { eventually } from "../support/eventually.ts";

// The real journal is read in test/device/logs.test.ts; here it is what a program in its place may say.

const ALL: LogQuery = { units: ["web.service"], after: null, tail: null, since: null, follow: false };

/** A program in the place of journalctl, which is this script; `note` is a file that it may write to. */
function program(script: string) {
  const folder = mkdtempSync(join(tmpdir(), "harmony-journalctl-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "journalctl");
  const note = join(folder, "note");
  writeFileSync(
    path,
    `#!${process.execPath}\nconst note = ${JSON.stringify(note)};\nconst fs = require("node:fs");\n${script}`,
  );
  chmodSync(path, 0o755);
  return {
    source: new Journalctl({ programs: [path] }),
    note: () => (existsSync(note) ? readFileSync(note, "utf8") : ""),
  };
}

async function read(source: Journalctl, query: Partial<LogQuery> = {}, signal = AbortSignal.timeout(10_000)) {
  const found: (LogEntry | LogGap)[] = [];
  for await (const entries of source.read({ ...ALL, ...query }, signal)) found.push(...entries);
  return found;
}

const entry = (fields: object): string =>
  JSON.stringify({ __CURSOR: "s=1;i=1", __REALTIME_TIMESTAMP: "1764580000123456", MESSAGE: "hello", ...fields });

test.each<[string, Partial<LogQuery>, readonly string[]]>([
  ["all", {}, []],
  ["the newest", { tail: 7 }, ["--lines=7"]],
  ["from a time on", { since: new Date("2026-12-01T00:00:00.500Z") }, ["--since=@1796083200"]],
  ["from a place on", { after: "s=1;i=2" }, ["--after-cursor=s=1;i=2"]],
  [
    "from a place on, and what comes",
    { after: "s=1;i=2", follow: true },
    ["--after-cursor=s=1;i=2", "--no-tail", "--follow"],
  ],
  ["the newest, and what comes", { tail: 0, follow: true }, ["--lines=0", "--follow"]],
  ["of several units", { units: ["a.timer", "a.service"] }, ["--unit=a.timer", "--unit=a.service"]],
])("it is asked for %s with these arguments, and no shell", async (_, query, expected) => {
  const { source, note } = program(
    `fs.writeFileSync(note, JSON.stringify([process.argv.slice(2), Object.keys(process.env)]));`,
  );
  await read(source, query);
  const [words, variables]: [string[], string[]] = JSON.parse(note());
  expect(words).toEqual(expect.arrayContaining(["--no-pager", "--quiet", "--all", "--output=json", ...expected]));
  expect(words.filter((word) => !word.startsWith("--"))).toEqual([]);
  expect(variables.filter((name) => !/^(LC_ALL|TZ|SYSTEMD_PAGER|__.*)$/.test(name))).toEqual([]);
});

test("an entry has its place, its time, its words, how grave it is, and who wrote it", async () => {
  const lines = [
    entry({ PRIORITY: "3", SYSLOG_IDENTIFIER: "nginx", _COMM: "sh", _PID: "812" }),
    entry({ CONTAINER_NAME: "app", SYSLOG_IDENTIFIER: "conmon", _PID: "9" }),
    entry({ MESSAGE: [...Buffer.from("\u001B[1mé")], _COMM: "sh", PRIORITY: "9" }),
    entry({ MESSAGE: ["one", "two"] }),
    entry({ MESSAGE: null }),
  ];
  const { source } = program(`process.stdout.write(${JSON.stringify(`${lines.join("\n")}\n`)});`);
  const common = { _tag: "Entry", cursor: "s=1;i=1", at: "2025-12-01T09:06:40.123Z" };
  expect(await read(source)).toEqual([
    { ...common, text: "hello", priority: 3, from: "nginx[812]" },
    { ...common, text: "hello", from: "app[9]" },
    { ...common, text: "\u001B[1mé", from: "sh" },
    { ...common, text: "one two" },
    { ...common, text: "" },
  ]);
});

test("a place that is none of the journal's is told to be forgotten, and the newest lines come", async () => {
  const { source, note } = program(`fs.writeFileSync(note, process.argv.join(" "));`);
  expect(await read(source, { after: "m:start:7" })).toEqual([{ _tag: "Gap", lines: null, why: "Forgotten" }]);
  expect(note()).toContain("--lines=10");
  expect(note()).not.toContain("cursor");
});

test("what is no entry, or a larger one than is read, is counted in its place", async () => {
  const { source } = program(`
    const ok = ${JSON.stringify(entry({}))};
    const big = JSON.stringify({ MESSAGE: "x".repeat(3 * 1024 * 1024) });
    process.stdout.write([ok, "no json", '{"__CURSOR":"c"}', "[]", big, ok].join("\\n") + "\\n");`);
  const found = await read(source);
  expect(found.map(({ _tag }) => _tag)).toEqual(["Entry", "Gap", "Gap", "Gap", "Gap", "Entry"]);
  expect(found[4]).toEqual({ _tag: "Gap", lines: 1, why: "TooMany" });
});

test("what it says is wrong is told, and that it is not there", async () => {
  const { source } = program(`process.stderr.write("Failed to open files: corrupt\\n"); process.exitCode = 1;`);
  const problem = (of: Journalctl) =>
    read(of).then(String, (error: unknown) => (error instanceof PortError ? error.problem : error));
  expect(await problem(source)).toMatchObject({ code: "Failed", message: expect.stringContaining("corrupt") });
  expect(await problem(new Journalctl({ programs: ["/nowhere/journalctl"] }))).toMatchObject({ code: "NotFound" });
  const noProgram = program("");
  const { source: notRunnable } = noProgram;
  expect(await problem(notRunnable)).toBe("");
});

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test.each(["abort", "leave"])("it is killed when the reader goes away (%s)", async (how) => {
  const { source, note } = program(`
    process.on("SIGTERM", () => {});
    fs.writeFileSync(note, String(process.pid));
    process.stdout.write(${JSON.stringify(`${entry({})}\n`)});
    setInterval(() => {}, 1000);`);
  const over = new AbortController();
  for await (const entries of source.read({ ...ALL, follow: true }, over.signal)) {
    expect(entries).toHaveLength(1);
    if (how === "leave") break;
    over.abort();
  }
  const pid = Number(note());
  expect(pid).toBeGreaterThan(1);
  await expect(eventually("it is gone", () => !isAlive(pid))).resolves.toBe(true);
});

test("a reader that takes its time makes it wait, and costs no memory", async () => {
  const { source, note } = program(`
    let nth = 0;
    const line = ${JSON.stringify(entry({ MESSAGE: "x".repeat(900) }))} + "\\n";
    const more = () => { while (process.stdout.write(line)) nth += 1; fs.writeFileSync(note, String(nth)); process.stdout.once("drain", more); };
    more();`);
  const reading = source.read({ ...ALL, follow: true }, AbortSignal.timeout(20_000));
  await reading.next();
  await eventually("it has begun", () => Number(note()) > 0);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const before = Number(note());
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(Number(note())).toBe(before);
  expect(before * 1000).toBeLessThan(1024 * 1024);
  await reading.return();
});
