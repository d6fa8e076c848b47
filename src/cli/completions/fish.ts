import { match } from "ts-pattern";
import { ASKS_FOR_AGENTS, type Flag, quoted, type Tree, type Value } from "./tree.ts";

const reply = (value: Value | null): string =>
  match(value)
    .with(null, () => "")
    .with({ _tag: "Words" }, ({ words }) => ` -x -a ${quoted(words.join(" "))}`)
    .with({ _tag: "File" }, () => " -r -F")
    .with({ _tag: "Directory" }, () => " -x -a '(__fish_complete_directories)'")
    .with({ _tag: "Agents" }, () => ` -x -a ${quoted(`(${ASKS_FOR_AGENTS})`)}`)
    .with({ _tag: "Free" }, () => " -x")
    .exhaustive();

const flag = ({ names, about, value }: Flag): string => {
  const spelt = names.map((name) => (name.startsWith("--") ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`)).join(" ");
  return `${spelt} -d ${quoted(about)}${reply(value)}`;
};

export function fish({ commands, ...program }: Tree): string {
  return `${[
    "# Completion of harmony for fish: harmony completion fish > ~/.config/fish/completions/harmony.fish",
    "complete -c harmony -f",
    ...program.flags.map((each) => `complete -c harmony -n __fish_use_subcommand ${flag(each)}`),
    ...commands.map(({ name, about }) => `complete -c harmony -n __fish_use_subcommand -a ${name} -d ${quoted(about)}`),
    ...commands.flatMap((node) => {
      const here = `complete -c harmony -n '__fish_seen_subcommand_from ${node.name}'`;
      const first = `complete -c harmony -n '__fish_seen_subcommand_from ${node.name}; and __fish_prev_arg_in ${node.name}'`;
      const words =
        node.value === null || node.value._tag === "Free"
          ? []
          : [`${node.value._tag === "Agents" ? first : here}${reply(node.value)}`];
      return [...node.flags.map((each) => `${here} ${flag(each)}`), ...words];
    }),
  ].join("\n")}\n`;
}
