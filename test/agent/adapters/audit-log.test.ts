import { appendFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { AuditLog, type AuditRecord } from "../../../src/agent/adapters/audit-log.ts";

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "harmony-audit-"));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

const at = "2026-01-01T00:00:00.000Z";
const about = { at, job: "seed", purpose: "run", runAs: "root", approver: "Ada" } as const;
const begins = (run: string, word = "x"): AuditRecord => ({
  ...about,
  event: "begins",
  run,
  argv: [word],
  expires: at,
});
const ended = (run: string, output: string): AuditRecord => ({
  ...about,
  event: "ended",
  run,
  began: at,
  ending: "exited",
  exitCode: 0,
  durationMs: 5,
  outputBytes: 1,
  outputSha256: "",
  output,
});

test("a run that has begun is without an end until there is one, also for who opens the record later", async () => {
  const path = folder();
  const log = await AuditLog.open(path);
  await log.append(begins("1"));
  await log.append(begins("2"));
  await log.append(ended("1", "done"));
  for (const each of [log, await AuditLog.open(path)]) {
    expect(each.unended.map(({ run }) => run)).toEqual(["2"]);
    expect(each.lastRun("seed")).toMatchObject({ ending: "exited", output: "done" });
    expect(each.unreadable).toBe(0);
  }
});

test("grows to eight files of at most 1 MiB, readable for the agent's user alone, and keeps the newest", async () => {
  const path = folder();
  const log = await AuditLog.open(path);
  const long = "x".repeat(100_000);
  for (let run = 0; run < 120; run += 1) {
    await log.append(begins(String(run), long));
    await log.append(ended(String(run), String(run)));
  }
  const files = readdirSync(path).toSorted();
  expect(files).toEqual([...Array.from({ length: 7 }, (_, n) => `audit.${n + 1}.jsonl`), "audit.jsonl"]);
  for (const file of files) {
    expect(statSync(join(path, file)).size).toBeLessThanOrEqual(1024 * 1024);
    expect(statSync(join(path, file)).mode & 0o777).toBe(0o600);
  }
  const again = await AuditLog.open(path);
  expect(again.lastRun("seed")?.output).toBe("119");
  expect(again.unended).toEqual([]);
});

test("a line that a crash cut short is left out, and the next one is not lost with it", async () => {
  const path = folder();
  await (await AuditLog.open(path)).append(ended("1", "one"));
  appendFileSync(join(path, "audit.jsonl"), '{"event":"ended","run":"2","jo');
  const log = await AuditLog.open(path);
  expect([log.unreadable, log.lastRun("seed")?.output]).toEqual([1, "one"]);
  await log.append(ended("3", "three"));
  const again = await AuditLog.open(path);
  expect([again.unreadable, again.lastRun("seed")?.output]).toEqual([1, "three"]);
});

test("what makes no sense is counted and never a crash", async () => {
  const path = folder();
  writeFileSync(join(path, "audit.jsonl"), `null\n[]\n{"event":"begins"}\n\0\n${JSON.stringify(ended("1", "one"))}\n`);
  const log = await AuditLog.open(path);
  expect([log.unreadable, log.lastRun("seed")?.output]).toEqual([4, "one"]);
});

test("a command that could not be started leaves the run before it the newest", async () => {
  const log = await AuditLog.open(folder());
  await log.append(ended("1", "one"));
  await log.append(begins("2"));
  await log.append({ ...about, event: "not-started", run: "2", because: "EAGAIN" });
  expect([log.unended, log.lastRun("seed")?.output]).toEqual([[], "one"]);
});
