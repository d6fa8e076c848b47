import { match } from "ts-pattern";
import * as z from "zod";
import { AuditedShell, SHELL_ENDINGS, type ShellCommand } from "../capabilities/audited-shell.ts";
import type { Obstruction } from "./outcome.ts";
import { AbsolutePath, Account } from "./paths.ts";
import { redact } from "./redaction.ts";
import type { Frozen } from "./spec.ts";
import { Score } from "./score.ts";

/** Text as a program can be handed it: without NUL, which would end it, and of whole characters. */
const Text = z
  .string()
  .max(16_384)
  .refine((text) => !/[\0\p{Surrogate}]/u.test(text), "a program cannot be handed NUL or half of a surrogate pair");

/** A program and its arguments, each of them as it is and without a shell; or a script for an interpreter. */
const Command = z.union([
  z
    .array(Text)
    .min(1)
    .max(256)
    .refine(([program = ""]) => /^(\/[^/]+)+$/.test(program), "the first word is the absolute path of a program"),
  z.strictObject({
    /** What the interpreter is given behind `-c`. */
    script: Text.min(1),
    /** Default `/bin/sh`. */
    interpreter: AbsolutePath.default(AbsolutePath.parse("/bin/sh")),
  }),
]);

const Variable = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "a variable is letters, digits and _, not first a digit")
  // The C library obeys these from the first instruction on, when the right to be another user is not yet given up.
  .refine(
    (name) => !/^(HARMONY_|LD_|MALLOC_|GCONV_PATH$|GETCONF_DIR$|GLIBC_TUNABLES$|LOCPATH$|NLSPATH$)/.test(name),
    "HARMONY_*, LD_*, MALLOC_*, GCONV_PATH, GETCONF_DIR, GLIBC_TUNABLES, LOCPATH and NLSPATH cannot be set from outside",
  );

const spec = z
  .strictObject({
    /** What the record calls the job. */
    name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, "a name is 1 to 64 of a-z, 0-9, and . _ - within it"),
    /**
     * Tells whether there is anything to do, and changes nothing. Exit code 0: it is as wanted. 1: it is not. Anything else:
     * it cannot be told, and nothing is run.
     */
    check: Command,
    /** Makes it so. Exit code 0: done; `check` is asked whether that is true. Anything else is a FAILURE. */
    run: Command,
    /** Takes back what `run` did, when the Score is retired. Default: nothing is taken back. */
    undo: Command.optional(),
    /** Seconds that each of the commands may take, 1 to 3600. No other job is run meanwhile. Default 60. */
    timeoutSeconds: z.number().min(1).max(3600).default(60),
    /** The account that all of it runs as, with its groups; `"root"` has to be said. */
    runAs: Account,
    /** Where it runs; must exist. Default `/`. */
    workingDirectory: AbsolutePath.optional(),
    /** Default: none but PATH, HOME, USER, LOGNAME and LC_ALL=C. */
    environment: z.record(Variable, Text).default({}),
    /** The variables of `environment` whose values (at least 6 characters) are never shown. Default none. */
    redact: z.array(Variable).max(64).default([]),
    /** Who approved that these commands run there: a name that people know. Goes on the record. */
    approver: z.string().regex(/^[^\p{Control}\p{Surrogate}]{1,128}$/u, "an approver is a name of 1 to 128 characters"),
    /** Until when the approval holds. From then on none of the commands is run, also not `check` or `undo`. */
    expires: z.date(),
  })
  .refine(
    ({ environment, redact: hidden }) => hidden.every((name) => (environment[name] ?? "").length >= 6),
    "redact names variables of the environment whose values have at least 6 characters: shorter ones come up by chance",
  );

const told = { name: z.string() };

const LastRun = z.object({
  purpose: z.enum(["run", "undo"]),
  /** When it began. */
  at: z.string(),
  /** `interrupted`: the agent ended first, and what became of it is not known. */
  ending: z.enum([...SHELL_ENDINGS, "interrupted"]),
  /** Null where a signal ended it. */
  exitCode: z.number().nullable(),
  durationMs: z.number().nullable(),
  /** The end of what it wrote, at most 4 KiB, without secrets. */
  output: z.string(),
  /** How much it wrote. */
  outputBytes: z.number().nullable(),
  /** Of all that, in lower-case hexadecimal. */
  outputSha256: z.string().nullable(),
  runAs: z.string(),
  approver: z.string(),
});

const seenBy = {
  ...told,
  /** The newest run, as far back as the device's record goes; null where there is none. */
  lastRun: LastRun.nullable(),
};
const answered = {
  ...seenBy,
  /** When the check first answered so, since the agent's start; that it was asked again is no news. */
  since: z.string(),
};
const observed = z.discriminatedUnion("state", [
  z.object({ ...answered, state: z.literal("so") }),
  z.object({ ...answered, state: z.literal("not-so") }),
  /** The check did not answer 0 or 1. */
  z.object({
    ...answered,
    state: z.literal("unknown"),
    ending: z.enum(SHELL_ENDINGS),
    exitCode: z.number().nullable(),
    /** The end of what the check wrote. */
    output: z.string(),
  }),
  /** The approval is over, and nothing was asked. */
  z.object({ ...seenBy, state: z.literal("expired"), expires: z.string() }),
]);
type Seen = z.infer<typeof observed>;

const doing = { ...told, runAs: z.string(), /** The command for people, cut, without secrets. */ command: z.string() };
const step = z.discriminatedUnion("do", [
  z.object({ ...doing, do: z.literal("run") }),
  z.object({ ...doing, do: z.literal("undo") }),
]);

/**
 * The escape hatch, for what no kind describes: a command that is run where another one says that it is due.
 *
 * Only devices that were started with `harmony agent run --allow-audited-shell` take it. `check` decides, at each look and
 * after each restart, so nothing is run twice that is done already; a run that fails is tried again after a pause like all
 * that fails. Jobs are run one after the other in the manifest's order, and beside all other Scores: what needs one done
 * names it under `after`. Every run is on the device's record before it begins. When it is retired, `undo` is run if `run`
 * ever was; without `undo`, and once the approval has expired, what it made stays.
 */
export class ShellJobScore extends Score(
  "ShellJob",
  { version: 1, requires: [AuditedShell], spec, observed, step },
  {
    // Three times timeoutSeconds, for check, run and check again, and the seconds that it takes to kill each.
    deadlineMs: ({ timeoutSeconds }) => 3 * (timeoutSeconds * 1000 + 6000) + 5000,

    // One job at a time, in the manifest's order, and beside all else: it may take an hour.
    turns: "lane",

    identity: ({ name }) => `job:${name}`,
    hides: secretsIn,
    reach: () => [{ _tag: "program", what: "its commands", unit: null }],
    // What the commands make is nothing that can be seen; that they have made it is.
    exists: (_, { state }) => state === "so",

    async observe(wanted, { AuditedShell: shell }, { signal, clock }): Promise<Seen> {
      const { name, expires } = wanted;
      const lastRun = await shell.lastRun(name);
      if (clock.now() >= expires) return { state: "expired", name, lastRun, expires: expires.toISOString() };
      const { since, ...answer } = await shell.check(commandOf(wanted, wanted.check), signal);
      const isAnswer = answer.ending === "exited" && (answer.exitCode === 0 || answer.exitCode === 1);
      if (!isAnswer) return { state: "unknown", name, lastRun, since, ...answer };
      return { state: answer.exitCode === 0 ? "so" : "not-so", name, lastRun, since };
    },

    plan: (wanted, seen) =>
      match(seen)
        .with({ state: "so" }, () => [])
        .with({ state: "not-so" }, () => [{ do: "run" as const, ...toldOf(wanted, wanted.run) }])
        .with({ state: "unknown" }, cannotTell)
        .with({ state: "expired" }, (expired) => hasExpired(wanted, expired))
        .exhaustive(),

    retire(wanted, seen, claims) {
      const { name, undo } = wanted;
      if (undo === undefined || seen.state === "expired" || !claims.has(ranOf(name))) return [];
      const steps = [{ do: "undo" as const, ...toldOf(wanted, undo) }];
      if (seen.state === "unknown") return cannotTell(seen);
      // What was cut short may have done half of its work.
      return seen.state === "so" || isHalfDone(seen) ? steps : [];
    },

    claims: (taken) => (taken.do === "run" ? [ranOf(taken.name)] : []),

    async apply(taken, wanted, { AuditedShell: shell }, { signal }) {
      const command = taken.do === "run" ? wanted.run : wanted.undo;
      if (command !== undefined) await shell.run(commandOf(wanted, command), taken.do, signal);
    },
  },
) {}

type Spec = Frozen<z.infer<typeof spec>>;
type AnyCommand = Frozen<z.infer<typeof Command>>;

/** A job that was never run made nothing, whatever its check says. */
const ranOf = (name: string): string => `ran:${name}`;

const isHalfDone = ({ lastRun }: Seen): boolean =>
  lastRun !== null && !(lastRun.ending === "exited" && lastRun.exitCode === 0);

const argvOf = (command: AnyCommand): readonly string[] =>
  "script" in command ? [command.interpreter, "-c", command.script] : command;

function secretsIn({ environment, redact: hidden }: Spec): readonly string[] {
  return hidden.flatMap((name) => environment[name] ?? []);
}

const commandOf = (wanted: Spec, command: AnyCommand): ShellCommand => ({
  job: wanted.name,
  argv: argvOf(command),
  runAs: wanted.runAs,
  workingDirectory: wanted.workingDirectory ?? "/",
  environment: wanted.environment,
  secrets: secretsIn(wanted),
  timeoutMs: wanted.timeoutSeconds * 1000,
  approver: wanted.approver,
  expires: wanted.expires.toISOString(),
});

/** For people who read a plan. */
const toldOf = (wanted: Spec, command: AnyCommand): { name: string; runAs: string; command: string } => {
  const words = argvOf(command).map((word) => (/^[\w./:=@%+,-]+$/.test(word) ? word : JSON.stringify(word)));
  const text = redact(words.join(" "), secretsIn(wanted));
  return {
    name: wanted.name,
    runAs: wanted.runAs,
    command: text.length > 200 ? `${text.slice(0, 200).replace(/[\ud800-\udbff]$/, "")}...` : text,
  };
};

const cannotTell = ({ name, ending, exitCode }: Extract<Seen, { state: "unknown" }>): Obstruction => ({
  obstructed: `the check of the job "${name}" does not tell whether it is to be run: it ${
    ending === "exited" ? `ended with exit code ${exitCode}` : `was ${ending}`
  }`,
  blame: "author",
  next: "Let the check end with 0 (it is as wanted) or 1 (it is not); details.output of the Score's status holds the end of what it wrote.",
});

const hasExpired = ({ name, approver }: Spec, { expires }: Extract<Seen, { state: "expired" }>): Obstruction => ({
  obstructed: `the job "${name}" has expired: the approval of ${approver} ended at ${expires}`,
  blame: "author",
  next: "Take the Score out (what it made stays), or have it approved anew and give it a later date.",
});
