import type { Argument, Command, Option } from "commander";
import { KINDS } from "../../scores/index.ts";

/** What may stand in a place of the command line. */
export type Value =
  | { readonly _tag: "Words"; readonly words: readonly string[] }
  | { readonly _tag: "File" }
  | { readonly _tag: "Directory" }
  /** The id of an agent: those of known devices are offered, whom the script asks the program for. */
  | { readonly _tag: "Agents" }
  /** A name or number that cannot be guessed. */
  | { readonly _tag: "Free" };

export interface Flag {
  /** With its dashes. */
  readonly names: readonly string[];
  readonly about: string;
  /** Null: it stands alone. */
  readonly value: Value | null;
}

export interface Node {
  readonly name: string;
  readonly about: string;
  readonly flags: readonly Flag[];
  /** Of its words. */
  readonly value: Value | null;
}

export interface Tree extends Node {
  readonly commands: readonly Node[];
}

/** The commands and flags, as commander knows them. Every command also takes the program's flags. */
export const treeOf = (program: Command): Tree => ({
  ...nodeOf(program, []),
  commands: program.commands.map((command) => {
    const own = nodeOf(command);
    return { ...own, flags: [...own.flags, ...program.options.filter(({ long }) => long !== "--version").map(flagOf)] };
  }),
});

/** A command of commands is offered with their names as its words, and with the flags of all of them. */
const nodeOf = (command: Command, parts: readonly Command[] = command.commands): Node => {
  const [first] = command.registeredArguments;
  const flags = [command, ...parts].flatMap(({ options }) => options.map(flagOf));
  const own = new Map(flags.map((flag) => [flag.names.join(), flag]));
  return {
    name: command.name(),
    about: command.summary(),
    flags: [...own.values(), { names: ["--help"], about: "tells more", value: null }],
    value:
      first !== undefined
        ? valueOf(first.name(), first.argChoices)
        : parts.length === 0
          ? null
          : { _tag: "Words", words: parts.map((each) => each.name()) },
  };
};

const flagOf = ({ long, short, description, flags, argChoices, required, optional }: Option): Flag => ({
  names: [short, long].filter((name) => name !== undefined),
  about: description,
  value: required || optional ? valueOf(/<(.+)>/.exec(flags)?.[1] ?? "", argChoices) : null,
});

function valueOf(name: string, choices: Argument["argChoices"]): Value {
  if (choices !== undefined) return { _tag: "Words", words: choices };
  if (name.startsWith("FILE") || name.endsWith("=FILE")) return { _tag: "File" };
  if (name === "ID") return { _tag: "Agents" };
  if (name === "DIR") return { _tag: "Directory" };
  return name === "KIND" ? { _tag: "Words", words: [...new Set(KINDS.map(({ kind }) => kind))] } : { _tag: "Free" };
}

/** The flags of a command that are followed by a value, with their values. */
export const valued = ({ flags }: Node): readonly { readonly names: readonly string[]; readonly value: Value }[] =>
  flags.flatMap(({ names, value }) => (value === null ? [] : [{ names, value }]));

/** By this the scripts learn which agents there are: one id a line, none where none are known. */
export const ASKS_FOR_AGENTS = "harmony completion ids 2>/dev/null";

export const flagNames = ({ flags }: Node): string => flags.flatMap(({ names }) => names).join(" ");

/** As every shell here reads it: nothing in it is taken for anything else. */
export const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
