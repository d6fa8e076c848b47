import { createHash, randomUUID } from "node:crypto";
import { accessSync, constants } from "node:fs";
import type { AuditedShell, CheckAnswer, ShellCommand, ShellRun } from "../../capabilities/audited-shell.ts";
import { PortError } from "../../capabilities/port-error.ts";
import type { Clock, Log } from "../../scores/context.ts";
import { longestSpelling, redact } from "../../scores/redaction.ts";
import { AuditLog, type AuditRecord, type PutOnRecord } from "./audit-log.ts";
import { asAccount, jobAccount, SETPRIV } from "./job-account.ts";
import { calledOff, cannotStart, demandDirectory, endedBadly } from "./job-errors.ts";
import { type JobEnd, runJob, signalMarked } from "./job-process.ts";
import type { Detection, Offering } from "./offering.ts";
import { systemClock } from "./system-clock.ts";

export interface LocalShellOptions {
  /** Whether this device's own configuration allows it; no message can say so. */
  readonly isEnabled: boolean;
  /** Where the record is kept: the agent's own directory, which is there. */
  readonly directory: string;
  readonly log: Log;
  /** Called before anything is written into the record of commands. Default: does nothing. */
  readonly record?: PutOnRecord;
  /** Default: the machine's own. */
  readonly clock?: Clock;
}

/** How much of the end of an output is shown: some fifty lines. It travels with every status, so it is little. */
const OUTPUT_BYTES = 4096;
/** Kept beside it, so that what looks like a secret is seen whole. */
const GUESSED_CHARACTERS = 256;
/** UTF-8 takes at most so many bytes for one unit of a JavaScript string. */
const BYTES_OF_UNIT = 3;
/** More than any manifest has jobs; an agent that sees new ones for years must not keep them all. */
const REMEMBERED = 4096;

type Ended = Extract<JobEnd, { _tag: "Ended" }>;

/** Runs commands on this host, where its configuration allows that, and keeps the record of them. */
export class LocalShell implements Offering<AuditedShell> {
  readonly port: AuditedShell;
  readonly #options: Required<LocalShellOptions>;
  readonly #answers = new Map<string, { readonly answer: string; readonly since: string }>();
  readonly #recorded = new Set<string>();
  readonly #closed = new AbortController();
  #audit: Promise<AuditLog> | null = null;
  #running: Promise<unknown> = Promise.resolve();

  constructor(options: LocalShellOptions) {
    this.#options = { clock: systemClock, record: async () => {}, ...options };
    this.port = {
      check: (command, signal) => this.#check(command, signal),
      lastRun: async (job) => (await this.#log()).lastRun(job),
      run: (command, purpose, signal) => this.#run(command, purpose, signal),
    };
  }

  async detect(): Promise<Detection> {
    const reason = this.#lack();
    if (reason !== null) return { _tag: "Absent", reason, ...(this.#options.isEnabled ? {} : { isFinal: true }) };
    try {
      await this.#log();
    } catch (error) {
      return { _tag: "Absent", reason: error instanceof Error ? error.message : String(error) };
    }
    const isRoot = process.geteuid?.() === 0;
    return {
      _tag: "Found",
      facts: { runAs: isRoot ? "any user" : "the agent's own user", record: `${this.#options.directory}/audit.jsonl` },
    };
  }

  /** Ends what is being run. */
  close(): void {
    this.#closed.abort();
  }

  #lack(): string | null {
    if (!this.#options.isEnabled) return "not enabled on this device (harmony agent run --allow-audited-shell)";
    try {
      accessSync(SETPRIV, constants.X_OK);
      return null;
    } catch {
      return `${SETPRIV} not found`;
    }
  }

  /** Also behind the gates: nothing is run where it is not enabled. */
  async #log(): Promise<AuditLog> {
    const lack = this.#lack();
    if (lack !== null) {
      throw new PortError({
        code: "NotPermitted",
        blame: "device",
        message: `No command is run: ${lack}.`,
        next: "Whoever owns the device decides whether it runs commands.",
      });
    }
    this.#audit ??= this.#openLog();
    try {
      return await this.#audit;
    } catch (error) {
      this.#audit = null;
      throw error;
    }
  }

  async #openLog(): Promise<AuditLog> {
    const audit = await AuditLog.open(this.#options.directory, this.#options.record);
    if (audit.unreadable > 0) {
      this.#options.log("some lines of the record of what was run cannot be read", { lines: audit.unreadable });
    }
    for (const { run, job, purpose, runAs, approver, at: began } of audit.unended) {
      // Most died with the agent; what is left of the others must not work beside the next run.
      const left = signalMarked(run, "SIGKILL");
      this.#options.log("a job was interrupted by the end of the agent", { job, purpose, began, left });
      await audit.append({ event: "interrupted", at: this.#now(), run, job, purpose, runAs, approver, began });
    }
    return audit;
  }

  #now(): string {
    return this.#options.clock.now().toISOString();
  }

  async #check(command: ShellCommand, signal: AbortSignal): Promise<CheckAnswer> {
    const audit = await this.#log();
    await this.#recordCheck(audit, command);
    const end = await this.#start(command, randomUUID(), signal);
    if (end._tag === "NotStarted") throw cannotStart(command, "check", end.message);
    const answer = `${end.ending} ${end.exitCode}`;
    const known = this.#answers.get(command.job);
    const since = known?.answer === answer ? known.since : this.#now();
    if (this.#answers.size >= REMEMBERED) this.#answers.clear();
    this.#answers.set(command.job, { answer, since });
    return { ending: end.ending, exitCode: end.exitCode, output: shown(end, command.secrets), since };
  }

  /** A check changes nothing, by its author's word alone. So it is at least on record that it was run. */
  async #recordCheck(audit: AuditLog, command: ShellCommand): Promise<void> {
    const key = createHash("sha256").update(JSON.stringify(command)).digest("base64");
    if (this.#recorded.has(key)) return;
    await audit.append({ event: "checks", at: this.#now(), ...recorded(command) });
    if (this.#recorded.size >= REMEMBERED) this.#recorded.clear();
    this.#recorded.add(key);
  }

  async #run(command: ShellCommand, purpose: ShellRun["purpose"], signal: AbortSignal): Promise<ShellRun> {
    // One after the other, also where one is still being ended whose Score was given up.
    const before = this.#running;
    const run = before.then(() => this.#runNow(command, purpose, signal));
    this.#running = run.catch(() => {});
    return run;
  }

  async #runNow(command: ShellCommand, purpose: ShellRun["purpose"], signal: AbortSignal): Promise<ShellRun> {
    const audit = await this.#log();
    if (signal.aborted) throw calledOff(command, purpose);
    const run = randomUUID();
    const { job, runAs, approver } = command;
    const began = this.#now();
    const of = { run, job, purpose, runAs, approver };
    // Before it is recorded, so that what can never be run leaves no run without an end.
    asAccount(jobAccount(runAs), command.argv);
    await audit.append({ event: "begins", at: began, ...of, ...recorded(command) });
    const end = await this.#start(command, run, signal).catch(async (error: unknown) => {
      await audit.append({ event: "not-started", at: this.#now(), ...of, because: String(error) });
      throw error;
    });
    if (end._tag === "NotStarted") {
      await audit.append({ event: "not-started", at: this.#now(), ...of, because: end.message });
      throw cannotStart(command, purpose, end.message);
    }
    const { ending, exitCode, durationMs, outputBytes, outputSha256 } = end;
    const output = shown(end, command.secrets);
    const told = { ending, exitCode, durationMs, outputBytes, outputSha256, output };
    const record: AuditRecord = { event: "ended", at: this.#now(), ...of, began, ...told };
    await audit.append(record);
    if (ending === "exited" && exitCode === 0) return { purpose, at: began, ...told, runAs, approver };
    throw endedBadly(command, purpose, end, output);
  }

  async #start(command: ShellCommand, mark: string, signal: AbortSignal): Promise<JobEnd> {
    const { job, workingDirectory, secrets, timeoutMs } = command;
    const account = jobAccount(command.runAs);
    const argv = asAccount(account, command.argv);
    demandDirectory(workingDirectory, job);
    const { name, home } = account;
    // Not AbortSignal.any: the agent lives for years, and each of those would stay with the signal of its end.
    const end = new AbortController();
    const stop = (): void => end.abort();
    const signals = [signal, this.#closed.signal];
    if (signals.some(({ aborted }) => aborted)) stop();
    for (const each of signals) each.addEventListener("abort", stop);
    const running = runJob({
      argv,
      workingDirectory,
      environment: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        LC_ALL: "C",
        HOME: home,
        USER: name,
        LOGNAME: name,
        ...command.environment,
        HARMONY_JOB: job,
      },
      mark,
      timeoutMs,
      signal: end.signal,
      keepBytes: OUTPUT_BYTES + BYTES_OF_UNIT * (longestSpelling(secrets) + GUESSED_CHARACTERS),
    });
    return running.finally(() => {
      for (const each of signals) each.removeEventListener("abort", stop);
    });
  }
}

/** A command as it is recorded. The values of its environment are not. */
const recorded = ({ job, argv, runAs, approver, expires, secrets }: ShellCommand) => ({
  job,
  argv: argv.map((word) => redact(word, secrets)),
  runAs,
  approver,
  expires,
});

/** The end of an output, without secrets, also those that its beginning was cut off from. */
function shown({ tail, outputBytes }: Ended, secrets: readonly string[]): string {
  const from = outputBytes > tail.length ? longestSpelling(secrets) + GUESSED_CHARACTERS : 0;
  const text = Buffer.from(redact(tail.toString("utf8"), secrets, from));
  // A character that is cut in two is left out.
  return text
    .subarray(Math.max(0, text.length - OUTPUT_BYTES))
    .toString("utf8")
    .replace(/^\ufffd+/, "");
}
