import { match } from "ts-pattern";
import { ASKS_FOR_AGENTS, flagNames, type Tree, type Value, valued } from "./tree.ts";

const reply = (value: Value): string =>
  match(value)
    .with({ _tag: "Words" }, ({ words }) => `COMPREPLY=($(compgen -W "${words.join(" ")}" -- "$current"))`)
    .with({ _tag: "File" }, () => `compopt -o filenames; local IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$current"))`)
    .with(
      { _tag: "Directory" },
      () => `compopt -o filenames; local IFS=$'\\n'; COMPREPLY=($(compgen -d -- "$current"))`,
    )
    .with({ _tag: "Agents" }, () => `COMPREPLY=($(compgen -W "$(${ASKS_FOR_AGENTS})" -- "$current"))`)
    .with({ _tag: "Free" }, () => "COMPREPLY=()")
    .exhaustive();

/** Of an id that stands behind another word it is not known that it is one of an agent. */
const wordOf = (value: Value | null): string =>
  value?._tag === "Agents"
    ? `if [[ "$previous" == "$command" || "$previous" == -* ]]; then ${reply(value)}; fi`
    : reply(value ?? { _tag: "Free" });

export function bash({ commands, ...program }: Tree): string {
  const names = commands.map(({ name }) => name);
  const body = [program, ...commands].flatMap((node) => [
    `    ${node === program ? '""' : node.name})`,
    '      case "$previous" in',
    ...valued(node).map(({ names: flags, value }) => `        ${flags.join("|")}) ${reply(value)}; return ;;`),
    "      esac",
    `      if [[ "$current" == -* ]]; then COMPREPLY=($(compgen -W "${flagNames(node)}" -- "$current")); return; fi`,
    `      ${node === program ? reply({ _tag: "Words", words: names }) : wordOf(node.value)} ;;`,
  ]);
  return `${[
    "# Completion of harmony for bash: source <(harmony completion bash)",
    "_harmony() {",
    '  local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" command="" word',
    '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
    `    case "$word" in ${names.join("|")}) command="$word"; break ;; esac`,
    "  done",
    '  case "$command" in',
    ...body,
    "  esac",
    "}",
    "complete -F _harmony harmony",
  ].join("\n")}\n`;
}
