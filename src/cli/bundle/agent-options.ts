import type { BuildOptions, Plugin } from "esbuild";

/** Run as a program of its own, the bundle is the agent. */
const RUNS_ALONE =
  "if(require.main===module)module.exports.main(process.argv.slice(2)).then(code=>{process.exitCode=code});";

/** As the agent that comes with Harmony is bundled; a test holds these to scripts/build.mjs. */
export const AGENT_OPTIONS = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  minify: true,
  keepNames: true,
  legalComments: "none",
  // Of a source with a single character beyond Latin-1, V8 keeps two bytes of each.
  charset: "ascii",
  footer: { js: RUNS_ALONE },
} as const satisfies BuildOptions;

/** The parser of introspection documents is half of what the bus library weighs, and the agent reads none. */
export const withoutXml: Plugin = {
  name: "without-xml",
  setup(build) {
    build.onResolve({ filter: /^xml2js$/ }, () => ({ path: "xml2js", namespace: "left-out" }));
    build.onLoad({ filter: /./, namespace: "left-out" }, () => ({ contents: "module.exports = {};" }));
  },
};
