import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** A fenced block. `info` is what stands behind the language, `line` that of its first line of text in the page. */
export interface Block {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly info: string;
  readonly text: string;
}

/** A page with its fenced blocks taken out of `prose`; line breaks stay, so that positions still count. */
export interface Page {
  readonly path: string;
  readonly text: string;
  readonly prose: string;
  readonly blocks: readonly Block[];
}

const FENCE = /^```(\w*)(.*)\n([^]*?)^```$/gm;

const lineAt = (text: string, index: number): number => text.slice(0, index).split("\n").length;

/** Every page for people: those of the top folder, all under docs, and the one that `harmony new fleet` writes. */
export const pages: readonly Page[] = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name)),
  "templates/fleet/_README.md",
].map((path) => {
  const text = readFileSync(join(root, path), "utf8");
  const blocks = [...text.matchAll(FENCE)].map(({ index, 1: language = "", 2: info = "", 3: body = "" }) => ({
    page: path,
    line: lineAt(text, index) + 1,
    language,
    info: info.trim(),
    text: body,
  }));
  return { path, text, prose: text.replace(FENCE, (block) => block.replace(/[^\n]/g, " ")), blocks };
});

export const blocks = pages.flatMap((page) => page.blocks);

/** One page by its path from the top folder. */
export function pageAt(path: string): Page {
  const page = pages.find((each) => each.path === path);
  if (page === undefined) throw new Error(`there is no ${path}`);
  return page;
}
