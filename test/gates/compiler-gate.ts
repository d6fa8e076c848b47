import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type CompileError, compile } from "../types/compiler.ts";
import type { Case } from "./case.ts";
import { sourceOf } from "./source.ts";

/** What the compiler says of one entry of a case. */
export interface Compiled {
  /** The sentences of the gate. */
  readonly lacks: readonly string[];
  /** Everything else. */
  readonly others: readonly string[];
}

export interface Batch {
  /** By case, by id; an entry that nothing is said of is not there. */
  readonly compiled: readonly ReadonlyMap<string, Compiled>[];
  /** By case: what its text makes when it is run. */
  readonly modules: readonly { readonly make: unknown; readonly own: unknown }[];
}

/** What two cases of one file have in common is checked once. */
const CASES_A_FILE = 500;
const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * One for all batches of a process: what the compiler found of the sources stays there, and is an eighth of the work of
 * the next. Beneath the repository, where `harmony-edge` is the sources for Node too.
 */
let kept: string | null = null;
function folderOfAll(): string {
  if (kept !== null) return kept;
  mkdirSync(join(root, "dist"), { recursive: true });
  const folder = mkdtempSync(join(root, "dist/.gates-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return (kept = folder);
}
let batches = 0;

/** Compiles and loads the cases, all of them in one run of the compiler. */
export async function compileCases(cases: readonly Case[]): Promise<Batch> {
  const folder = folderOfAll();
  // Node loads a file of the same name once.
  const batch = `batch-${(batches += 1)}`;
  try {
    const files = Array.from({ length: Math.ceil(cases.length / CASES_A_FILE) }, (_, nth) => {
      const of = cases.slice(nth * CASES_A_FILE, (nth + 1) * CASES_A_FILE);
      const source = sourceOf(of);
      const name = `${batch}-${nth}.ts`;
      writeFileSync(join(folder, name), source.text);
      return { name, of, source, first: nth * CASES_A_FILE };
    });
    // A compiler shortens what it prints of a Score that lacks six things at once. By default four checkers work side by
    // side, and each of them works out the types of the sources for itself.
    const printing = { noErrorTruncation: true, noUnusedLocals: false };
    const again = { incremental: true, tsBuildInfoFile: join(folder, "known.json") };
    const compilerOptions = { ...printing, ...again, rootDir: root, checkers: 2 };
    const settings = { extends: join(root, "tsconfig.json"), compilerOptions, include: [`${batch}-*.ts`], exclude: [] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(settings));
    const errors = await compile("tsc", folder);

    const compiled = cases.map(() => new Map<string, Compiled>());
    for (const error of errors) {
      const file = files.find(({ name }) => name === basename(error.file));
      const about = file?.source.about(error.line);
      const of = file === undefined || about === undefined ? undefined : compiled[file.first + about.at];
      // A case that does not compile for another reason than its Scores would be judged by nobody.
      if (of === undefined || about === undefined) throw new Error(`${error.file}:${error.line}: ${error.message}`);
      const before = of.get(about.id) ?? { lacks: [], others: [] };
      of.set(about.id, merged(before, told(error)));
    }
    const modules: Batch["modules"][number][] = [];
    for (const { name, of } of files) {
      const module: unknown = await import(pathToFileURL(join(folder, name)).href);
      if (typeof module !== "object" || module === null) throw new Error(`${name} is no module`);
      modules.push(
        ...of.map((_, at): Batch["modules"][number] => ({
          make: Reflect.get(module, `made${at}`),
          own: Reflect.get(module, `own${at}`),
        })),
      );
    }
    return { compiled, modules };
  } finally {
    for (const name of readdirSync(folder)) if (name.startsWith(`${batch}-`)) rmSync(join(folder, name));
  }
}

const merged = (a: Compiled, b: Compiled): Compiled => ({
  lacks: [...new Set([...a.lacks, ...b.lacks])].toSorted(),
  others: [...a.others, ...b.others],
});

/** A type that is a sentence is printed as a string literal, several as a union of them. */
function told({ message }: CompileError): Compiled {
  const first = message.split("\n")[0] ?? "";
  const lacks = [...first.matchAll(/"((?:[^"\\]|\\.)*)"/g)]
    .map(([literal]): unknown => JSON.parse(literal))
    .filter((text): text is string => typeof text === "string" && /Score requires \w+, which /.test(text));
  return lacks.length === 0 ? { lacks: [], others: [message] } : { lacks, others: [] };
}
