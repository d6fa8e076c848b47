import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { type Compiler, findCompiler, upward } from "./compiler.ts";
import type { Problem } from "./problem.ts";
import { packageRoot } from "./package-root.ts";

export type TypeChecked =
  | { readonly _tag: "Checked"; readonly problems: readonly Problem[] }
  | { readonly _tag: "NoCompiler" }
  /** JavaScript that does not ask for it. */
  | { readonly _tag: "NotAsked" };

const DEADLINE_MS = 120_000;

/**
 * Type-checks one file with the TypeScript compiler of its own project, or else of this package: strictly, whatever the
 * project's own settings are, and with `harmony-edge` meaning this very copy. JavaScript is judged only where it asks
 * for it (`// @ts-check`).
 */
export async function typeCheck(file: string, signal: AbortSignal): Promise<TypeChecked> {
  if (/\.[cm]?jsx?$/.test(file) && !(await readFile(file, "utf8")).includes("@ts-check")) return { _tag: "NotAsked" };
  const root = packageRoot();
  const folder = dirname(file);
  const compiler = findCompiler([folder, root]);
  if (compiler === null) return { _tag: "NoCompiler" };
  // Not in FILE's own folder: that may be read-only, and is watched.
  const scratch = await mkdtemp(join(tmpdir(), "harmony-check-"));
  try {
    const project = join(scratch, "tsconfig.json");
    await writeFile(project, JSON.stringify(settings(file, root)));
    const { printed, ended } = await run(compiler, ["-p", project, "--pretty", "false"], folder, signal);
    const problems = read(printed, folder, root, file);
    if (problems.length === 0 && ended !== null && !printed.includes(": error TS")) {
      return {
        _tag: "Checked",
        problems: [{ file, message: `the TypeScript compiler did not work: ${ended} ${printed.trim()}` }],
      };
    }
    return { _tag: "Checked", problems };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function settings(file: string, root: string): object {
  const types = [dirname(file), root].flatMap(upward).map((folder) => join(folder, "node_modules/@types"));
  const ofNode = types.find((folder) => existsSync(join(folder, "node")));
  const inClone = existsSync(join(root, "src/index.ts"));
  return {
    compilerOptions: {
      target: "es2023",
      // Without Node's own types at hand, the browser's tell at least of console, URL and the like.
      lib: ofNode === undefined ? ["es2023", "dom"] : ["es2023"],
      types: ofNode === undefined ? [] : ["node"],
      typeRoots: ofNode === undefined ? [] : [ofNode],
      module: "esnext",
      moduleResolution: "bundler",
      moduleDetection: "force",
      allowImportingTsExtensions: true,
      resolveJsonModule: true,
      allowJs: true,
      noEmit: true,
      strict: true,
      skipLibCheck: true,
      paths: { "harmony-edge": [join(root, inClone ? "src/index.ts" : "dist/types/index.d.ts")] },
    },
    files: [file],
  };
}

interface Ran {
  readonly printed: string;
  /** Null: with exit code 0. */
  readonly ended: string | null;
}

async function run(
  [program, ...first]: Compiler,
  args: readonly string[],
  cwd: string,
  signal: AbortSignal,
): Promise<Ran> {
  return new Promise((done) => {
    const options = { cwd, signal, timeout: DEADLINE_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, [...first, ...args], options, (error, stdout, stderr) => {
      const ended =
        error === null
          ? null
          : error.killed === true
            ? `it took over ${DEADLINE_MS / 1000} s.`
            : `it ended with ${error.code}.`;
      done({ printed: stdout + stderr, ended });
    });
  });
}

/** `path(line,column): error TS1234: text`, with further lines of text indented, and `error TS1234: text`. */
function read(printed: string, cwd: string, root: string, file: string): readonly Problem[] {
  const problems: Problem[] = [];
  let current: { readonly place: Omit<Problem, "message">; readonly lines: string[] } | null = null;
  const finish = (): void => {
    if (current !== null) problems.push({ ...current.place, message: current.lines.join("\n") });
    current = null;
  };
  for (const line of printed.split(/\r?\n/)) {
    const [, path, row, column, text] = /^(?:(.+)\((\d+),(\d+)\): )?error (TS\d+: .*)$/.exec(line) ?? [];
    if (text !== undefined) {
      finish();
      const place =
        path === undefined ? { file } : { file: resolve(cwd, path), line: Number(row), column: Number(column) };
      current = { place, lines: [text] };
    } else if (/^\s+\S/.test(line)) {
      current?.lines.push(line);
    } else {
      finish();
    }
  }
  finish();
  // In a clone the compiler reads this package's own sources too; they have their own check.
  const own = join(root, "src/");
  return problems.filter((problem) => !problem.file.startsWith(own));
}
