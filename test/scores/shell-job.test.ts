import { describe, expect, test } from "vitest";
import { ShellJobScore } from "../../src/scores/shell-job.ts";
import { contractOf, FakeAuditedShell, FakeClock, preview, WORLDS } from "../../src/testing/index.ts";
import { around, Device } from "./surroundings.ts";

describe("the contract", () => {
  test.each(contractOf(WORLDS.ShellJob))("$name", async (check) => {
    await expect(check.run()).resolves.toBeUndefined();
  });
});

const given = {
  name: "seed",
  check: ["/usr/bin/test", "-e", "/srv/seeded"],
  run: ["/usr/bin/touch", "/srv/seeded"],
  undo: ["/usr/bin/rm", "-f", "/srv/seeded"],
  runAs: "pi",
  approver: "Ada",
  expires: new Date("2026-06-01T00:00:00.000Z"),
};
const { undo: _undo, ...withoutUndo } = given;
const score = new ShellJobScore(given);

test("is run where its check says that it is due, once, as the user and with the words that were declared", async () => {
  const shell = new FakeAuditedShell();
  const device = new Device({ AuditedShell: shell });
  expect(await device.interpret(score)).toMatchObject({
    outcome: "SUCCESS",
    did: [{ do: "run", name: "seed", runAs: "pi", command: "/usr/bin/touch /srv/seeded" }],
    observed: { state: "so", lastRun: { purpose: "run", exitCode: 0, approver: "Ada" } },
  });
  expect(shell.ran.map(({ command }) => command)).toEqual([
    {
      job: "seed",
      argv: ["/usr/bin/touch", "/srv/seeded"],
      runAs: "pi",
      workingDirectory: "/",
      environment: {},
      secrets: [],
      timeoutMs: 60_000,
      approver: "Ada",
      expires: "2026-06-01T00:00:00.000Z",
    },
  ]);
  expect(await device.interpret(score)).toMatchObject({ outcome: "NOOP" });
  expect(shell.ran).toHaveLength(1);
});

test("a script is what its interpreter is given behind -c, and nothing else ever is", async () => {
  const shell = new FakeAuditedShell();
  const run = { script: "touch /srv/$NAME; exit" };
  await new Device({ AuditedShell: shell }).interpret(new ShellJobScore({ ...given, run }));
  await new Device({ AuditedShell: shell }).interpret(
    new ShellJobScore({ ...given, run: { ...run, interpreter: "/usr/bin/python3" } }),
  );
  await new Device({ AuditedShell: shell }).interpret(
    new ShellJobScore({ ...given, run: ["/bin/echo", "; rm -rf /"] }),
  );
  expect(shell.ran.map(({ command }) => command.argv)).toEqual([
    ["/bin/sh", "-c", "touch /srv/$NAME; exit"],
    ["/usr/bin/python3", "-c", "touch /srv/$NAME; exit"],
    ["/bin/echo", "; rm -rf /"],
  ]);
});

test("a check that answers neither 0 nor 1 runs nothing, and its output is told", async () => {
  const programs = { "/usr/bin/test": () => ({ exitCode: 2, output: "test: syntax" }) };
  const shell = new FakeAuditedShell({ programs });
  const device = new Device({ AuditedShell: shell });
  expect(await device.interpret(score)).toMatchObject({
    outcome: "FAILURE",
    observed: { state: "unknown", exitCode: 2, output: "test: syntax" },
    failure: {
      _tag: "Obstructed",
      obstruction: {
        blame: "author",
        obstructed: 'the check of the job "seed" does not tell whether it is to be run: it ended with exit code 2',
      },
    },
  });
  expect(shell.ran).toEqual([]);
});

test.each([126, 127, 3, 255])("not even the exit code %i of a check is taken for an answer", async (exitCode) => {
  const shell = new FakeAuditedShell({ programs: { "/usr/bin/test": () => ({ exitCode }) } });
  expect(await new Device({ AuditedShell: shell }).interpret(score)).toMatchObject({ outcome: "FAILURE" });
  expect(shell.ran).toEqual([]);
});

test("a run that ends badly is a FAILURE, even where the check is content with it", async () => {
  const programs = {
    "/usr/bin/touch": (_: unknown, files: Set<string>) => (files.add("/srv/seeded"), { exitCode: 3 }),
  };
  const shell = new FakeAuditedShell({ programs });
  expect(await new Device({ AuditedShell: shell }).interpret(score)).toMatchObject({
    outcome: "FAILURE",
    failure: { _tag: "PortFailed", during: "apply", problem: { code: "Failed", blame: "author" } },
  });
});

test("a run that does not do what it is for is a FAILURE", async () => {
  const shell = new FakeAuditedShell({ programs: { "/usr/bin/touch": () => ({ exitCode: 0 }) } });
  expect(await new Device({ AuditedShell: shell }).interpret(score)).toMatchObject({
    outcome: "FAILURE",
    failure: { _tag: "DidNotConverge" },
  });
});

describe("once its approval has expired", () => {
  const expired = (shell: FakeAuditedShell) =>
    around({ AuditedShell: shell }, { clock: new FakeClock(new Date("2026-06-01T00:00:00.000Z")) });

  test("none of its commands is run, and the author is asked", async () => {
    const shell = new FakeAuditedShell();
    expect(await preview(score, expired(shell))).toMatchObject({
      _tag: "Impossible",
      observed: { state: "expired", expires: "2026-06-01T00:00:00.000Z" },
      failure: {
        _tag: "Obstructed",
        obstruction: {
          blame: "author",
          obstructed: 'the job "seed" has expired: the approval of Ada ended at 2026-06-01T00:00:00.000Z',
        },
      },
    });
    expect([shell.checks, shell.ran.length]).toEqual([0, 0]);
  });

  test("what it made stays when it is retired", () => {
    const bound = score.bind();
    const seen = { state: "expired", name: "seed", lastRun: null, expires: "2026-06-01T00:00:00.000Z" } as const;
    expect(bound.retire(seen, new Set(["ran:seed", "job:seed"]))).toEqual([]);
  });
});

describe("when it is retired", () => {
  test("what it did is taken back by undo", async () => {
    const shell = new FakeAuditedShell();
    const device = new Device({ AuditedShell: shell });
    await device.interpret(score);
    expect(await device.retire(score)).toMatchObject({ outcome: "SUCCESS", did: [{ do: "undo", name: "seed" }] });
    expect(shell.files()).toEqual([]);
  });

  test("what was so before it came stays", async () => {
    const shell = new FakeAuditedShell({ files: ["/srv/seeded"] });
    const device = new Device({ AuditedShell: shell });
    expect(await device.interpret(score)).toMatchObject({ outcome: "NOOP" });
    expect(await device.retire(score)).toMatchObject({ outcome: "NOOP" });
    expect(shell.files()).toEqual(["/srv/seeded"]);
  });

  test("without undo everything stays", async () => {
    const shell = new FakeAuditedShell();
    const device = new Device({ AuditedShell: shell });
    await device.interpret(new ShellJobScore(withoutUndo));
    expect(await device.retire(new ShellJobScore(withoutUndo))).toMatchObject({ outcome: "NOOP" });
    expect(shell.files()).toEqual(["/srv/seeded"]);
  });

  test("a run that was cut short is undone, also where the check finds nothing of it", () => {
    const lastRun = {
      purpose: "run",
      at: "",
      ending: "interrupted",
      exitCode: null,
      durationMs: null,
      output: "",
      outputBytes: null,
      outputSha256: null,
      runAs: "pi",
      approver: "Ada",
    } as const;
    const seen = { state: "not-so", name: "seed", since: "", lastRun } as const;
    expect(score.bind().retire(seen, new Set(["ran:seed"]))).toMatchObject([{ do: "undo" }]);
    expect(score.bind().retire(seen, new Set())).toEqual([]);
  });
});

test("secrets are in no step, neither by their name's value nor by how they look", async () => {
  const secret = new ShellJobScore({
    ...given,
    environment: { PIN: "hunter22", MODE: "fast" },
    redact: ["PIN"],
    run: ["/usr/bin/curl", "--user", "me:hunter22", "https://a:tops3cret@example.org/", "--mode", "fast"],
  });
  const seen = { state: "not-so", name: "seed", since: "", lastRun: null } as const;
  expect(secret.bind().plan(seen)).toEqual([
    {
      do: "run",
      name: "seed",
      runAs: "pi",
      command: "/usr/bin/curl --user me:[redacted] https://a:[redacted]@example.org/ --mode fast",
    },
  ]);
});

test("has as long as its commands may take, one after the other", () => {
  expect(new ShellJobScore({ ...given, timeoutSeconds: 3600 }).bind().deadlineMs).toBe(3 * 3606_000 + 5000);
});

describe("a spec is refused", () => {
  test.each([
    ["with a line for a shell in place of words", { run: "touch /srv/seeded" }, /run/],
    ["with a program that would be looked for", { run: ["touch", "/srv/seeded"] }, /absolute path of a program/],
    ["with no words", { check: [] }, /check/],
    ["with NUL in a word", { run: ["/bin/echo", "a\0b"] }, /NUL/],
    ["with half a surrogate pair in a script", { run: { script: "\ud800" } }, /surrogate/],
    ["without a check", { check: undefined }, /check/],
    ["without a user", { runAs: undefined }, /runAs/],
    ["without somebody who approved it", { approver: undefined }, /approver/],
    ["with nobody who approved it", { approver: "" }, /approver/],
    ["without an end", { expires: undefined }, /expires/],
    ["with an end that is text", { expires: "2026-06-01" }, /expires/],
    ["without a limit of time", { timeoutSeconds: Number.POSITIVE_INFINITY }, /timeoutSeconds/],
    ["with more than an hour", { timeoutSeconds: 3601 }, /timeoutSeconds/],
    ["that redacts what is not there", { redact: ["TOKEN"] }, /redact names variables/],
    ["that redacts what comes up by chance", { environment: { A: "12345" }, redact: ["A"] }, /at least 6 characters/],
    ["that sets what is the agent's", { environment: { HARMONY_RUN: "x" } }, /environment.HARMONY_RUN/],
    ["that reaches the loader of the program", { environment: { LD_PRELOAD: "/tmp/a.so" } }, /environment.LD_PRELOAD/],
    ["that allows itself", { allowed: true }, /allowed/],
  ])("%s", (_, change, says) => {
    expect(() => ShellJobScore.parse({ ...given, ...change })).toThrow(says);
  });
});
