// Writes the manual pages of the npm package into dist/man, from the bundles that `npm run build` has made: package.json names
// each of them, and npm install -g puts them where man looks. Plain JavaScript, so that it runs on Node 20 too.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { argv, execPath } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist");
/** The commands of the agent that have a help of their own. */
const OF_AGENT = ["", "enroll", "key", "take"];

/**
 * @param {string} [bundles] the folder of the bundles
 * @param {string} [outdir]
 * @returns {Promise<readonly string[]>} the names of the files
 */
export async function writeManPages(bundles = dist, outdir = join(bundles, "man")) {
  const { pages } = await import(pathToFileURL(join(bundles, "cli.js")).href);
  const usages = OF_AGENT.map((word) => [`harmony agent ${word}`.trim(), usageOf(bundles, word)]);
  /** @type {ReadonlyMap<string, string>} */
  const made = pages(Object.fromEntries(usages));
  rmSync(outdir, { recursive: true, force: true });
  mkdirSync(outdir, { recursive: true });
  for (const [name, text] of made) writeFileSync(join(outdir, name), text);
  return [...made.keys()].toSorted();
}

/**
 * @param {string} bundles
 * @param {string} word
 */
function usageOf(bundles, word) {
  const words = JSON.stringify([word, "--help"].filter((each) => each !== ""));
  const script = `require(${JSON.stringify(join(bundles, "agent.cjs"))}).main(${words})`;
  const ran = spawnSync(execPath, ["-e", script], { encoding: "utf8", timeout: 30_000 });
  if (ran.status !== 0 || ran.stdout === "") throw new Error(`harmony agent ${word} --help: ${ran.stderr}`);
  return ran.stdout;
}

if (argv[1] !== undefined && resolve(argv[1]) === fileURLToPath(import.meta.url)) await writeManPages();
