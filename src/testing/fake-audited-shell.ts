import type { AuditedShell, CheckAnswer, ShellCommand, ShellRun } from "../capabilities/audited-shell.ts";
import { PortError } from "../capabilities/port-error.ts";

/** What a program of the fake does with its arguments and with the files that are there; gives its exit code and output. */
export type FakeProgram = (
  args: readonly string[],
  files: Set<string>,
) => { readonly exitCode: number; readonly output?: string };

/** All programs there are, where nothing else is said. Each takes one path, its last argument. */
const PROGRAMS: Readonly<Record<string, FakeProgram>> = {
  "/usr/bin/test": (args, files) => ({ exitCode: files.has(args.at(-1) ?? "") ? 0 : 1 }),
  "/usr/bin/touch": (args, files) => (files.add(args.at(-1) ?? ""), { exitCode: 0 }),
  "/usr/bin/rm": (args, files) => (files.delete(args.at(-1) ?? ""), { exitCode: 0 }),
};

/** The one moment at which everything happens. */
const NOW = "2026-01-01T00:00:00.000Z";

/**
 * A place in memory where commands are run: `/usr/bin/test -e PATH`, `/usr/bin/touch PATH` and `/usr/bin/rm -f PATH` on
 * names of files, and what else it is given. What it does not know ends with 127, as in a shell.
 */
export class FakeAuditedShell implements AuditedShell {
  readonly #files: Set<string>;
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #ran: { readonly command: ShellCommand; readonly run: ShellRun }[] = [];
  #checks = 0;

  constructor({
    files = [],
    programs = {},
  }: { readonly files?: readonly string[]; readonly programs?: Readonly<Record<string, FakeProgram>> } = {}) {
    this.#files = new Set(files);
    this.#programs = { ...PROGRAMS, ...programs };
  }

  /** How often something was asked. */
  get checks(): number {
    return this.#checks;
  }

  /** Every run, oldest first. */
  get ran(): readonly { readonly command: ShellCommand; readonly run: ShellRun }[] {
    return this.#ran;
  }

  /** What is there, in order. */
  files(): readonly string[] {
    return [...this.#files].toSorted();
  }

  /** What somebody else does: the file is there, or is not there, from now on. */
  put(file: string, isThere = true): void {
    if (isThere) this.#files.add(file);
    else this.#files.delete(file);
  }

  async check(command: ShellCommand, signal: AbortSignal): Promise<CheckAnswer> {
    await answer("The check", command.job, signal);
    this.#checks += 1;
    return { ending: "exited", since: NOW, ...this.#run(command) };
  }

  async lastRun(job: string): Promise<ShellRun | null> {
    await Promise.resolve();
    return this.#ran.findLast(({ command }) => command.job === job)?.run ?? null;
  }

  async run(command: ShellCommand, purpose: ShellRun["purpose"], signal: AbortSignal): Promise<ShellRun> {
    await answer("The run", command.job, signal);
    const { runAs, approver, job } = command;
    const { exitCode, output } = this.#run(command);
    const run: ShellRun = {
      purpose,
      at: NOW,
      ending: "exited",
      exitCode,
      durationMs: 1,
      output,
      outputBytes: output.length,
      outputSha256: "0".repeat(64),
      runAs,
      approver,
    };
    this.#ran.push({ command, run });
    if (exitCode === 0) return run;
    throw new PortError({
      code: "Failed",
      blame: "author",
      message: `The ${purpose} of the job "${job}" ended with exit code ${exitCode}.`,
      next: "See why in its output.",
    });
  }

  #run({ argv: [program = "", ...args] }: ShellCommand): { readonly exitCode: number; readonly output: string } {
    const { exitCode, output = "" } = this.#programs[program]?.(args, this.#files) ?? { exitCode: 127 };
    return { exitCode, output };
  }
}

/** Comes a moment later, as from another process, and only as long as the caller wants it. */
async function answer(what: string, job: string, signal: AbortSignal): Promise<void> {
  await Promise.resolve();
  if (!signal.aborted) return;
  throw new PortError({
    code: "TimedOut",
    blame: "platform",
    message: `${what} of the job "${job}" was called off before it began.`,
    next: "Nothing: it is tried again.",
  });
}
