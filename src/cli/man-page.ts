import type { Command, Option } from "commander";
import { VERSION } from "../wire/version.ts";

/** A manual page of a command, as `man` reads it. `path`: the commands that lead to it, its own name last. */
export function manPage(command: Command, path: readonly string[], shared: readonly Option[]): string {
  const name = path.join("-");
  const own = command.options.filter(({ long }) => long !== "--version");
  const examples = examplesIn(command);
  return [
    `.TH ${quoted(name.toUpperCase())} 1 "" ${quoted(`Harmony Edge ${VERSION}`)} "User Commands"`,
    ".SH NAME",
    `${text(name)} \\- ${text(command.summary() || command.description())}`,
    ".SH SYNOPSIS",
    `.B ${text(path.join(" "))}`,
    text(command.usage()),
    ".SH DESCRIPTION",
    text(command.description()),
    ...(command.commands.length === 0
      ? []
      : [".SH COMMANDS", ...command.commands.flatMap((each) => partOf(each, path))]),
    ...(own.length === 0 ? [] : [".SH OPTIONS", ...own.flatMap(optionOf)]),
    ...(shared.length === 0 ? [] : [".SH OPTIONS OF ALL COMMANDS", ...shared.flatMap(optionOf)]),
    ...(examples.length === 0 ? [] : [".SH EXAMPLES", ".nf", ...examples.map(text), ".fi"]),
    ".SH EXIT STATUS",
    "0 done; 1 a finding, refusal or FAILURE; 2 wrong usage; 3 timed out waiting; 4 server or agent unreachable.",
    "",
  ].join("\n");
}

const partOf = (command: Command, path: readonly string[]): readonly string[] => [
  ".TP",
  `.B ${text([...path, command.name()].join(" "))}`,
  text(command.summary()),
];

const optionOf = ({ flags, description }: Option): readonly string[] => [".TP", `.B ${text(flags)}`, text(description)];

/** The lines below `Examples:` in its help. */
function examplesIn(command: Command): readonly string[] {
  let help = "";
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (more) => void (help += more) });
  command.outputHelp();
  command.configureOutput(before);
  const lines = (help.split("\nExamples:\n")[1] ?? "").split("\n");
  const end = lines.findIndex((line) => !line.startsWith("  "));
  return lines.slice(0, end === -1 ? undefined : end).map((line) => line.trim());
}

/** As roff takes it: a dash is one that can be copied, and no line begins a request. */
const text = (words: string): string =>
  words
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");

const quoted = (words: string): string => `"${words.replaceAll('"', "'")}"`;
