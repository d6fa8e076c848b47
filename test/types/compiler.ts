import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The two compilers that the project's types must work with: TypeScript 7 and 6. */
export const COMPILERS = ["tsc", "tsc6"] as const;
export type Compiler = (typeof COMPILERS)[number];

/** One error as a compiler printed it. Line and column count from 1. */
export interface CompileError {
  /** Relative to the repository, or absolute where it lies outside. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly code: string;
  /** With the lines that explain it further. */
  readonly message: string;
}

/** Runs a compiler over a project. Rejects when it could not do its work; errors in the sources are its result. */
export function compile(compiler: Compiler, project: string): Promise<readonly CompileError[]> {
  const executable = join(root, "node_modules", ".bin", compiler);
  const options = { cwd: root, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 };
  return new Promise((resolve, reject) => {
    execFile(executable, ["-p", project, "--pretty", "false", "--noEmit"], options, (error, stdout, stderr) => {
      const errors = parse(stdout);
      if (error !== null && errors.length === 0) reject(new Error(`${compiler}: ${stderr}${stdout}`, { cause: error }));
      else resolve(errors);
    });
  });
}

function parse(output: string): readonly CompileError[] {
  const errors: { -readonly [K in keyof CompileError]: CompileError[K] }[] = [];
  for (const text of output.split("\n")) {
    const [, file, line, column, code, message] = /^(\S.*)\((\d+),(\d+)\): error (TS\d+): (.*)$/.exec(text) ?? [];
    const last = errors.at(-1);
    if (file !== undefined && code !== undefined && message !== undefined) {
      errors.push({ file, line: Number(line), column: Number(column), code, message });
    } else if (text.startsWith(" ") && last !== undefined) {
      last.message += `\n${text}`;
    }
  }
  return errors;
}
