import { harmony } from "./in-process.ts";

/** Every command that does something, with the words that lead to it. */
export async function leaves(words: readonly string[] = []): Promise<readonly (readonly string[])[]> {
  const { out } = await harmony([...words, "--help"]);
  const [, listed] = /^Commands:\n((?: .*\n)+)/m.exec(out) ?? [];
  if (listed === undefined) return [words];
  const names = [...listed.matchAll(/^ {2}([a-z]+)\b/gm)].map(([, name = ""]) => name);
  const parts = names.filter((name) => name !== "help").map((name) => leaves([...words, name]));
  return (await Promise.all(parts)).flat();
}
