import type { Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import * as z from "zod";
import { VERSION } from "../wire/version.ts";
import type { Problem } from "./problem.ts";

/** A FILE and all that it imports, as one ES module. */
export interface Bundle {
  readonly _tag: "Bundle";
  readonly code: string;
  /** The absolute paths of the files that went into it. */
  readonly inputs: readonly string[];
  /** Where a place in the code (both count from 1) comes from. */
  readonly origin: (line: number, column: number) => Pick<Problem, "file" | "line" | "column"> | null;
}

export interface Broken {
  readonly _tag: "Broken";
  readonly problems: readonly Problem[];
}

/** Where a bundle finds what the command line hands to it. Registered, as it is another module's global scope. */
export const HANDED = Symbol.for("harmony-edge.cli");

/** The name by which a bundle reads it; the others belong to the bundle's own files. */
const OWN = "__harmony";
const OURS = "harmony-edge";

/**
 * Bundles FILE in memory. `harmony-edge` stands for the command line's own copy: so a Score is an instance of the very
 * class that the checks and the encoder know, and nothing needs to be installed beside FILE.
 */
export async function bundleManifest(file: string, exported: readonly string[]): Promise<Bundle | Broken> {
  // Loaded here, as most commands need no bundler.
  const { build } = await import("esbuild");
  const folder = dirname(file);
  try {
    const { outputFiles, metafile } = await build({
      absWorkingDir: folder,
      entryPoints: [file],
      outfile: join(folder, "manifest.js"),
      write: false,
      bundle: true,
      metafile: true,
      sourcemap: "external",
      format: "esm",
      platform: "node",
      target: "node20",
      keepNames: true,
      charset: "utf8",
      logLevel: "silent",
      plugins: [ownCopy(exported), whereEachFileIs],
      define: {
        // What FILE prints goes to standard error: standard output is for documents.
        console: `${OWN}.console`,
        "import.meta.url": `${OWN}Here.url`,
        "import.meta.dirname": `${OWN}Here.dirname`,
        "import.meta.filename": `${OWN}Here.filename`,
        __dirname: `${OWN}Here.dirname`,
        __filename: `${OWN}Here.filename`,
      },
    });
    const text = outputFiles.find(({ path }) => path.endsWith(".js"))?.text ?? "";
    const map = outputFiles.find(({ path }) => path.endsWith(".map"))?.text ?? "{}";
    return {
      _tag: "Bundle",
      code: `${prelude(file, text)}\n${text}`,
      inputs: Object.keys(metafile.inputs)
        .filter((path) => !/^harmony-edge(-place)?:/.test(path))
        .map((path) => absolute(folder, path)),
      origin: originIn(map, folder),
    };
  } catch (error) {
    const messages = Failure.safeParse(error);
    if (!messages.success) throw error;
    return { _tag: "Broken", problems: messages.data.errors.map((message) => problemOf(message, file, folder)) };
  }
}

/** Turns `harmony-edge` into a module that hands on what the command line exports. */
const ownCopy = (exported: readonly string[]): Plugin => ({
  name: "harmony-edge",
  setup(build) {
    // The path shows in the message about an export that does not exist.
    build.onResolve({ filter: /^harmony-edge$/ }, () => ({ path: VERSION, namespace: OURS }));
    build.onLoad({ filter: /.*/, namespace: OURS }, () => ({
      contents: `export const { ${exported.join(", ")} } = ${OWN}.library;`,
    }));
  },
});

/**
 * A bundle is one module in one place, but files find what lies beside them by the place that each of them has. What is
 * added leaves every line and, but for the first one of a CommonJS file, every column where it was.
 */
const whereEachFileIs: Plugin = {
  name: "where each file is",
  setup(build) {
    const namespace = "harmony-edge-place";
    build.onResolve({ filter: /^harmony-edge-place:/ }, ({ path }) => ({
      path: path.slice(namespace.length + 1),
      namespace,
    }));
    build.onLoad({ filter: /.*/, namespace }, ({ path }) => ({ contents: `export const here = ${placeOf(path)};` }));
    build.onLoad({ filter: /\.[cm]?[jt]sx?$/, namespace: "file" }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      const loader = LOADERS[/[jt]sx?$/.exec(path)?.[0] ?? ""] ?? "js";
      if (/\bimport\.meta\b/.test(text)) {
        const from = JSON.stringify(`${namespace}:${path}`);
        return { contents: `${text}\nimport { here as ${OWN}Here } from ${from};`, loader };
      }
      if (!/\b__(dir|file)name\b/.test(text)) return undefined;
      return { contents: `var ${OWN}Here = ${placeOf(path)}; ${text.replace(/^#!/, "//")}`, loader };
    });
  },
};
const LOADERS: Readonly<Record<string, "js" | "jsx" | "ts" | "tsx">> = { js: "js", jsx: "jsx", ts: "ts", tsx: "tsx" };

const placeOf = (path: string): string =>
  JSON.stringify({ url: pathToFileURL(path).href, dirname: dirname(path), filename: path });

/** One line, before everything else. Only some bundled CommonJS packages ask for `require`. */
function prelude(file: string, text: string): string {
  const own = `const ${OWN} = globalThis[Symbol.for(${JSON.stringify(Symbol.keyFor(HANDED))})];`;
  if (!text.includes("__require")) return own;
  return `${own} const require = ${OWN}.createRequire(${JSON.stringify(pathToFileURL(file).href)});`;
}

const Place = z.object({ file: z.string(), line: z.number(), column: z.number() });
const Failed = z.object({ text: z.string(), location: Place.nullable() });
type Failed = z.infer<typeof Failed>;
const Failure = z.object({ errors: z.array(Failed) });

const MapText = z.object({
  version: z.number(),
  sources: z.array(z.string()),
  mappings: z.string(),
  // Of no account for looking up a place.
  file: z.string().default(""),
  sourceRoot: z.string().default(""),
  names: z.array(z.string()).default([]),
  sourcesContent: z.array(z.string()).default([]),
});

/** The bundler's places: relative to the folder, or of one of the modules that are made here; columns count from 0. */
function problemOf({ text, location }: Failed, file: string, folder: string): Problem {
  if (location === null || location.file.includes(":")) return { file, message: text };
  return { file: absolute(folder, location.file), line: location.line, column: location.column + 1, message: text };
}

function originIn(map: string, folder: string): Bundle["origin"] {
  const sourceMap = new SourceMap(MapText.parse(JSON.parse(map)));
  return (line, column) => {
    // The prelude is one line more than the map knows of, and the map counts from 0.
    const entry = sourceMap.findEntry(line - 2, column - 1);
    if (!("originalSource" in entry) || entry.originalSource.includes(":")) return null;
    const { originalSource, originalLine, originalColumn } = entry;
    return { file: absolute(folder, originalSource), line: originalLine + 1, column: originalColumn + 1 };
  };
}

const absolute = (folder: string, path: string): string => (isAbsolute(path) ? path : join(folder, path));
