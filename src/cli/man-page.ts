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

/** What the helps of another program say, by the command that each is of: `harmony agent enroll`. */
export type Usages = Readonly<Record<string, string>>;

/** Of the program and of each of its commands, by the name of its file. `agent`: the agent's own helps. */
export function manPages(program: Command, agent: Usages): ReadonlyMap<string, string> {
  const shared = program.options.filter(({ long }) => long !== "--version");
  const pages = new Map([["harmony.1", manPage(program, ["harmony"], [])]]);
  const add = (command: Command, path: readonly string[]): void => {
    for (const part of command.commands) {
      const own = [...path, part.name()];
      pages.set(`${own.join("-")}.1`, manPage(part, own, shared));
      add(part, own);
    }
  };
  add(program, ["harmony"]);
  for (const [file, page] of usagePages(agent)) pages.set(file, page);
  return pages;
}

export const usagePages = (usages: Usages): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(usages).map(([command, usage]) => [`${command.replaceAll(" ", "-")}.1`, usagePage(command, usage)]),
  );

/** A page made of a help: a usage, paragraphs, then options, examples and exit codes, each below its word. */
function usagePage(command: string, usage: string): string {
  const name = command.replaceAll(" ", "-");
  const [synopsis = "", ...blocks] = usage.trim().split("\n\n");
  const about = blocks.find((block) => !/^\w+( codes)?:/.test(block)) ?? "";
  const sections = blocks.flatMap((block) => {
    const [, title, body = ""] = /^(Options|Examples|Exit codes):\s*\n? *([^]*)$/.exec(block) ?? [];
    if (title === "Options") return [".SH OPTIONS", ...body.split("\n").flatMap(usageLine)];
    const lines = body.split("\n").map((line) => line.trim());
    if (title === "Examples") return [".SH EXAMPLES", ".nf", ...lines.map(text), ".fi"];
    if (title === "Exit codes") return [".SH EXIT STATUS", ...lines.map(text)];
    return [...(block === about ? [".SH DESCRIPTION"] : [".PP"]), text(block)];
  });
  return [
    `.TH ${quoted(name.toUpperCase())} 1 "" ${quoted(`Harmony Edge ${VERSION}`)} "User Commands"`,
    ".SH NAME",
    `${text(name)} \\- ${text(about.replaceAll("\n", " ").split(/[.:] /)[0] ?? "")}`,
    ".SH SYNOPSIS",
    ".nf",
    ...synopsis.split("\n").map((line) =>
      text(
        line
          .replace(/^Usage:/, "")
          .trim()
          .replaceAll(/ {2,}/g, " "),
      ),
    ),
    ".fi",
    ...sections,
    "",
  ].join("\n");
}

/** An option with the beginning of what it means, or how that goes on. */
function usageLine(line: string): readonly string[] {
  const [, flags, meaning = ""] = /^ {0,2}(-[\w-]+(?:, --[\w-]+)?(?: [A-Z=]+)?) +(\S.*)$/.exec(line) ?? [];
  return flags === undefined ? [text(line.trim())] : [".TP", `.B ${text(flags)}`, text(meaning)];
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
