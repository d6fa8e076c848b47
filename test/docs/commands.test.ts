import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { USAGE } from "../../src/agent/arguments.ts";
import { KEY_USAGE } from "../../src/agent/key-arguments.ts";
import { ENROLL_USAGE } from "../../src/agent/enrol-arguments.ts";
import { LOCAL_USAGE } from "../../src/agent/local-arguments.ts";
import { main } from "../../src/cli/main.ts";
import { blocks, pageAt, pages, root } from "./pages.ts";

interface Said {
  readonly place: string;
  readonly words: readonly string[];
}

/** Every call of `harmony` in a shell block, a service's ExecStart, or inline code. */
const calls: readonly Said[] = [
  ...blocks
    .filter(({ language }) => ["sh", "ini"].includes(language))
    .flatMap(({ page, line, text }) =>
      text.split("\n").map((each, index) => ({ place: `${page}:${line + index}`, text: each.replace(/\s+# .*$/, "") })),
    ),
  ...pages.flatMap(({ path, prose }) =>
    [...prose.matchAll(/`([^`\n]+)`/g)].map(({ 1: text = "" }) => ({ place: path, text })),
  ),
].flatMap(({ place, text }) => {
  const words = /^(?:ExecStart=\S*\/|npx )?harmony(?:-edge)? (.+)$/.exec(text)?.[1]?.split(/\s+/);
  return words === undefined ? [] : [{ place, words }];
});

const OF_AGENT: ReadonlyMap<string | undefined, string> = new Map([
  ["enroll", ENROLL_USAGE],
  ["key", KEY_USAGE],
  ["take", LOCAL_USAGE],
  ["status", LOCAL_USAGE],
]);

/** The help of one command, or of the program; empty where there is no such command. `part`: of a command of commands. */
async function help(command: string | undefined, part?: string): Promise<string> {
  // Asked for the help of a command that it does not know, the program tells its own.
  if (command !== undefined && !isIn(await help(undefined), command)) return "";
  if (command === "agent") return OF_AGENT.get(part) ?? USAGE;
  if (part !== undefined && !isIn(await help(command), part)) return "";
  let text = "";
  const write = (more: string): void => void (text += more);
  const io = {
    out: write,
    err: write,
    outIsTerminal: false,
    errIsTerminal: false,
    input: async () => Buffer.of(),
    ask: null,
    env: {},
    cwd: root,
    signal: new AbortController().signal,
  };
  const code = await main([...[command, part].filter((word) => word !== undefined), "--help"], io);
  return code === 0 ? text : "";
}

/** Whether a help lists a flag, or a command. */
const isIn = (text: string, word: string): boolean => new RegExp(`^ +(?:-\\w, )?${word}(?![\\w-])`, "m").test(text);

test("there are calls to check", () => {
  expect(calls.length).toBeGreaterThan(15);
});

describe("every harmony command and flag that is shown exists", () => {
  test.each(calls.map((call) => ({ ...call, text: call.words.join(" ") })))(
    "$place: harmony $text",
    async ({ words }) => {
      const [first = ""] = words;
      const command = first.startsWith("-") ? undefined : first;
      const hasParts = ["fleet", "agent", "asset", "context", "new", "policy", "rollout"].includes(command ?? "");
      const text = await help(command, hasParts ? words[1] : undefined);
      expect(text).not.toBe("");
      const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*$/, ""));
      expect(flags.filter((flag) => !isIn(text, flag))).toEqual([]);
    },
  );
});

test("every npm script that is shown exists", () => {
  // Those of this package, and those of a repository that `harmony new fleet` makes.
  const scriptsOf = (path: string): object => {
    const read: { readonly scripts?: object } = JSON.parse(readFileSync(join(root, path), "utf8"));
    return read.scripts ?? {};
  };
  const scripts = { ...scriptsOf("package.json"), ...scriptsOf("templates/fleet/_package.json") };
  const shown = pages.flatMap(({ text }) =>
    [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test))\b/g)].map(([, run, builtIn]) => run ?? builtIn),
  );
  expect(shown.length).toBeGreaterThan(5);
  expect(shown.filter((name) => name === undefined || !(name in scripts))).toEqual([]);
});

test("every flag of the agent is told in the guide for operators", () => {
  const flags = [...`${USAGE}${ENROLL_USAGE}${LOCAL_USAGE}`.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(
    ([, flag = ""]) => flag,
  );
  expect(flags.length).toBeGreaterThan(5);
  const { text } = pageAt("docs/operating.md");
  expect(flags.filter((flag) => !text.includes(`| \`${flag}\` |`))).toEqual([]);
});
