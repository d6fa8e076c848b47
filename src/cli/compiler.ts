import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import * as z from "zod";

/** How a TypeScript compiler is called: the program, and the arguments that come before the compiler's own. */
export type Compiler = readonly [program: string, ...first: string[]];

const PackageJson = z.looseObject({ bin: z.looseObject({ tsc: z.string() }) });

/**
 * The TypeScript compiler that somebody working in one of these folders has: looked for in the first folder and all
 * those above it, then in the second, and so on. Null: there is none.
 */
export function findCompiler(folders: readonly string[]): Compiler | null {
  for (const folder of folders.flatMap(upward)) {
    for (const name of ["@typescript/native", "typescript"]) {
      const home = join(folder, "node_modules", name);
      const script = scriptOf(home);
      // Called by its script and not by the link in .bin, which some package managers make a shell script.
      if (script !== null) return [process.execPath, script];
    }
    const link = join(folder, "node_modules/.bin/tsc");
    if (existsSync(link)) return [link];
  }
  return null;
}

function scriptOf(home: string): string | null {
  const file = join(home, "package.json");
  if (!existsSync(file)) return null;
  const read = PackageJson.safeParse(JSON.parse(readFileSync(file, "utf8")));
  if (!read.success) return null;
  const script = join(home, read.data.bin.tsc);
  return existsSync(script) ? script : null;
}

/** The folder and all those above it. */
export function upward(folder: string): readonly string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...upward(above)];
}
