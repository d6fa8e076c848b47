// Bundles src into dist with esbuild. Plain JavaScript: it runs before anything is built, on Node 20.
//
//   dist/agent.cjs   the device: one file, everything bundled
//   dist/cli.js      the command line: one file, only esbuild stays outside
//   dist/lib/        the libraries and the parts of an agent, each module a file: `harmony bundle` links an agent of them
//
// `npm run build` runs this file and then emits the declarations; the launcher in bin/ and tests import it.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { argv, stderr } from "node:process";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const src = join(root, "src");
const dist = join(root, "dist");

/** @type {import("esbuild").BuildOptions} */
const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20",
  charset: "utf8",
  legalComments: "none",
  logLevel: "silent",
  metafile: true,
  // Error classes and Scores keep their names in stack traces and messages.
  keepNames: true,
};

// Some bundled CommonJS packages (nats) call require at run time, which an ES module does not have.
const requireBanner =
  'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);';

/**
 * The parser of introspection documents, half of what the bus library weighs, is loaded when a proxy is made; the agent
 * makes none.
 * @type {import("esbuild").Plugin}
 */
export const withoutXml = {
  name: "without-xml",
  setup(bundling) {
    bundling.onResolve({ filter: /^xml2js$/ }, () => ({ path: "xml2js", namespace: "left-out" }));
    bundling.onLoad({ filter: /./, namespace: "left-out" }, () => ({ contents: "module.exports = {};" }));
  },
};

/**
 * Each module becomes a file of its own, which imports the others as files.
 * @type {import("esbuild").Plugin}
 */
const moduleByModule = {
  name: "module-by-module",
  setup(bundling) {
    bundling.onResolve({ filter: /./ }, ({ kind, path }) =>
      kind === "entry-point"
        ? undefined
        : { path: path.startsWith(".") ? path.replace(/\.ts$/, ".js") : path, external: true },
    );
  },
};

/** All modules of src but the command line's, by where they are without the extension. */
const modules = () =>
  Object.fromEntries(
    readdirSync(src, { recursive: true, encoding: "utf8" })
      .filter((file) => /(?<!\.d)\.ts$/.test(file) && !file.startsWith("cli/"))
      .map((file) => [`lib/${file.slice(0, -3)}`, `src/${file}`]),
  );

/** Run as a program of its own, the bundle is the agent. */
const RUNS_ALONE =
  "if(require.main===module)module.exports.main(process.argv.slice(2)).then(code=>{process.exitCode=code});";

/** How an agent is bundled, whichever kinds are linked; `harmony bundle` does the same. */
export const agentOptions = /** @type {const} */ ({
  format: "cjs",
  minify: true,
  // Of a source with a single character beyond Latin-1, V8 keeps two bytes of each.
  charset: "ascii",
  footer: { js: RUNS_ALONE },
});

/**
 * @typedef {"agent" | "cli" | "lib"} Target
 * @type {Record<Target, { entries: Record<string, string>, extension: string, options: import("esbuild").BuildOptions }>}
 */
const targets = {
  agent: {
    entries: { agent: "src/agent/main.ts" },
    extension: ".cjs",
    options: { ...agentOptions, plugins: [withoutXml] },
  },
  cli: {
    entries: { cli: "src/cli/main.ts" },
    extension: ".js",
    options: { format: "esm", external: ["esbuild"], banner: { js: requireBanner } },
  },
  lib: {
    get entries() {
      return modules();
    },
    extension: ".js",
    // A class must be the same class whichever library it is imported from, so no module may be in two files.
    options: { format: "esm", plugins: [moduleByModule] },
  },
};

/** @type {readonly Target[]} */
export const allTargets = ["agent", "cli", "lib"];

/**
 * Builds into a temporary folder and then renames file by file, so that a process that starts meanwhile, or
 * builds at the same time, never reads half a file. Entries whose source does not exist are skipped.
 *
 * @param {readonly Target[]} [wanted]
 * @param {string} [outdir]
 * @returns {Promise<Partial<Record<Target, import("esbuild").Metafile>>>} per target, what went into it
 */
export async function build(wanted = allTargets, outdir = dist) {
  const { build: esbuild } = await import("esbuild");
  // Taken before the sources are read: an edit during the build makes its output stale, not current.
  const asOf = sourcesChangedAt();
  mkdirSync(outdir, { recursive: true });
  const staging = mkdtempSync(join(outdir, ".build-"));
  try {
    // Settled, not all: a build that goes on after another has failed would write into the removed folder.
    const settled = await Promise.allSettled(
      wanted.map(async (target) => {
        const { extension, options } = targets[target];
        const entryPoints = Object.entries(presentEntries(target)).map(([out, file]) => ({ in: file, out }));
        if (entryPoints.length === 0) return [];
        const outExtension = { ".js": extension };
        const { metafile } = await esbuild({ ...shared, ...options, entryPoints, outExtension, outdir: staging });
        return [/** @type {const} */ ([target, /** @type {import("esbuild").Metafile} */ (metafile)])];
      }),
    );
    const built = settled.flatMap((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
    publish(staging, outdir, asOf);
    return Object.fromEntries(built);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/**
 * Whether an output of the target is missing or was made from older sources. Reads only file times.
 * @param {Target} target
 */
export function isStale(target) {
  const asOf = sourcesChangedAt();
  const { extension } = targets[target];
  return Object.keys(presentEntries(target)).some((name) => {
    const output = statSync(join(dist, name + extension), { throwIfNoEntry: false });
    // File systems keep times more coarsely than they report them.
    return output === undefined || output.mtimeMs + 1 < asOf;
  });
}

/** @param {Target} target */
function presentEntries(target) {
  return Object.fromEntries(Object.entries(targets[target].entries).filter(([, file]) => existsSync(join(root, file))));
}

/** Milliseconds; other dependencies or other settings of this file also make a bundle old. */
function sourcesChangedAt() {
  const besides = [fileURLToPath(import.meta.url), join(root, "package-lock.json")];
  return Math.max(newest(src), ...besides.map((path) => statSync(path).mtimeMs));
}

/**
 * The newest change under a folder in milliseconds, the folders' own times included: these tell of removals.
 * @param {string} folder
 * @returns {number}
 */
function newest(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((latest, entry) => {
    const path = join(folder, entry.name);
    return Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs);
  }, statSync(folder).mtimeMs);
}

/**
 * What is imported by name from outside goes last, so that it never names a file that is not there yet.
 * @param {string} from
 * @param {string} to
 * @param {number} asOf
 */
function publish(from, to, asOf) {
  const files = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name)))
    .toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b)));
  for (const file of files) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    utimesSync(join(from, file), asOf / 1000, asOf / 1000);
    renameSync(join(from, file), join(to, file));
  }
}

/** @param {string} file */
const isEntry = (file) => /^(\w+\.c?js|lib\/(\w+\/)?index\.js)$/.test(file);

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  rmSync(dist, { recursive: true, force: true });
  const metafiles = Object.values(await build());
  const sizes = metafiles
    .flatMap(({ outputs }) => Object.entries(outputs))
    .map(([file, { bytes }]) => /** @type {const} */ ([file.replace(/^.*\.build-[^/]*/, "dist"), bytes]));
  const ofLibraries = sizes.filter(([file]) => file.startsWith("dist/lib/"));
  const all = ofLibraries.reduce((sum, [, bytes]) => sum + bytes, 0);
  for (const [file, bytes] of [
    ...sizes.filter((size) => !ofLibraries.includes(size)),
    /** @type {const} */ ([`dist/lib/ (${ofLibraries.length} files)`, all]),
  ]) {
    stderr.write(`${file} ${(bytes / 1024).toFixed(0)} KiB\n`);
  }
  stderr.write(`built in ${(performance.now() - started).toFixed(0)} ms\n`);
}
