import { match } from "ts-pattern";
import { bash } from "./bash.ts";
import { fish } from "./fish.ts";
import type { Tree } from "./tree.ts";
import { zsh } from "./zsh.ts";

export { treeOf } from "./tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

export const completionScript = (shell: Shell, tree: Tree): string =>
  match(shell)
    .with("bash", () => bash(tree))
    .with("zsh", () => zsh(tree))
    .with("fish", () => fish(tree))
    .exhaustive();
