import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { packageRoot } from "../package-root.ts";

/**
 * What a fleet repository begins with, and the template of each file. A name that tools would take for their own here (npm
 * leaves a .gitignore out of a package) has another one as a template.
 */
const OF_FLEET = {
  "package.json": "_package.json",
  "tsconfig.json": "_tsconfig.json",
  "site.ts": "site.ts",
  "kinds.ts": "kinds.ts",
  "README.md": "_README.md",
  ".gitignore": "_gitignore",
  ".github/workflows/harmony.yml": "_harmony.yml",
} as const;

const read = (...path: readonly string[]): Promise<string> =>
  readFile(join(packageRoot(), "templates", ...path), "utf8");

/** The files of a new fleet repository, by their paths in it. `name`: of its package, as npm takes it. */
export async function fleetFiles(name: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const [path, template] of Object.entries(OF_FLEET)) files.set(path, await read("fleet", template));
  // The one thing in them that differs.
  for (const path of ["package.json", "README.md"]) {
    files.set(path, (files.get(path) ?? "").replace(/^(# |  "name": ")site\b/m, `$1${name}`));
  }
  return files;
}

/** A kind and its contract test: those of Motd, which docs/writing-a-score.md goes through, under another name. */
export async function kindFiles({ name, file }: { readonly name: string; readonly file: string }): Promise<{
  readonly kind: string;
  readonly test: string;
}> {
  const renamed = (text: string): string => text.replaceAll("Motd", name).replaceAll(/motd(?!\.d\b)/g, file);
  return { kind: renamed(await read("kind", "motd.ts")), test: renamed(await read("kind", "motd.test.ts")) };
}
