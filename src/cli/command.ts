import { Command, InvalidArgumentError } from "commander";
import type * as z from "zod";
import { AgentId } from "../wire/keys.ts";
import { parseDuration } from "./duration.ts";
import type { ExitCode } from "./exit-code.ts";
import type { Session } from "./session.ts";

/** What a command does, given the words and options that it was called with. */
export type Does = (session: Session, args: readonly unknown[], options: unknown) => Promise<ExitCode>;

/** Makes an action for commander of it: `program.command("x").action(run(...))`. */
export type Run = (does: Does) => (...given: readonly unknown[]) => Promise<void>;

/** Adds one command to the program. */
export type AddCommand = (program: Command, run: Run) => void;

/** Commander hands over the words, then the options, then the command itself. */
export const runWith =
  (open: (flags: unknown) => Session, ended: (code: ExitCode) => void): Run =>
  (does) =>
  async (...given) => {
    const command = given.at(-1);
    if (!(command instanceof Command)) throw new TypeError("commander calls an action with its command at the end");
    ended(await does(open(command.optsWithGlobals()), given.slice(0, -2), given.at(-2)));
  };

/** Turns a word of the command line into what it means; commander makes wrong usage of the message. */
export const word =
  <T>(schema: z.ZodType<T>) =>
  (text: string): T => {
    const read = schema.safeParse(text);
    if (!read.success) throw new InvalidArgumentError(read.error.issues.map(({ message }) => message).join("; "));
    return read.data;
  };

export const agentId = word(AgentId);

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError("A time is a number and ms, s, m or h, such as 60s; at most 24h.");
  return ms;
}

/** A TCP port, at least `lowest`: 0 lets the system choose one. */
export const port =
  (lowest: 0 | 1) =>
  (text: string): number => {
    const number = Number(text);
    if (/^\d{1,5}$/.test(text) && number >= lowest && number <= 65_535) return number;
    throw new InvalidArgumentError(`A port is a number from ${lowest} to 65535.`);
  };

/** The number of a manifest. */
export function generation(text: string): number {
  const number = Number(text);
  if (/^\d{1,15}$/.test(text) && number >= 1) return number;
  throw new InvalidArgumentError("A generation is a whole number, at least 1.");
}

/** For an option that may be given several times. */
export const several = (value: string, before: unknown): readonly unknown[] =>
  (Array.isArray(before) ? before : []).concat(value);

/** The end of a command's help. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  ${line}\n`).join("")}`;
