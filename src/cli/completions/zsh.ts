import { match } from "ts-pattern";
import { ASKS_FOR_AGENTS, flagNames, quoted, type Tree, type Value, valued } from "./tree.ts";

const reply = (value: Value): string =>
  match(value)
    .with({ _tag: "Words" }, ({ words }) => `compadd -- ${words.join(" ")}`)
    .with({ _tag: "File" }, () => "_files")
    .with({ _tag: "Directory" }, () => "_files -/")
    .with({ _tag: "Agents" }, () => `compadd -- \${(f)"$(${ASKS_FOR_AGENTS})"}`)
    .with({ _tag: "Free" }, () => "true")
    .exhaustive();

/** Of an id that stands behind another word it is not known that it is one of an agent. */
const wordOf = (value: Value | null): string =>
  value?._tag === "Agents"
    ? `if [[ "$previous" == "$command" || "$previous" == -* ]]; then ${reply(value)}; fi`
    : reply(value ?? { _tag: "Free" });

export function zsh({ commands, ...program }: Tree): string {
  const names = commands.map(({ name }) => name);
  const listed = commands.map(({ name, about }) => quoted(`${name}:${about.replaceAll(":", "\\:")}`)).join(" ");
  const body = [program, ...commands].flatMap((node) => [
    `    ${node === program ? '""' : node.name})`,
    '      case "$previous" in',
    ...valued(node).map(({ names: flags, value }) => `        ${flags.join("|")}) ${reply(value)}; return ;;`),
    "      esac",
    `      if [[ "$current" == -* ]]; then compadd -- ${flagNames(node)}; return; fi`,
    `      ${node === program ? "_describe command commands" : wordOf(node.value)} ;;`,
  ]);
  return `${[
    "#compdef harmony",
    "# Completion of harmony for zsh: harmony completion zsh > ~/.zfunc/_harmony",
    "_harmony() {",
    '  local current="${words[CURRENT]}" previous="${words[CURRENT-1]}" command="" word',
    `  local -a commands=(${listed})`,
    '  for word in "${(@)words[2,CURRENT-1]}"; do',
    `    case "$word" in ${names.join("|")}) command="$word"; break ;; esac`,
    "  done",
    '  case "$command" in',
    ...body,
    "  esac",
    "}",
    'if [[ "${funcstack[1]}" == _harmony ]]; then _harmony "$@"; else compdef _harmony harmony; fi',
  ].join("\n")}\n`;
}
