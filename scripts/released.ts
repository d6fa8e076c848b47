// Keeps what the tests of compatibility hold later versions against: the decoder of this version's agent with all its kinds,
// as one file, and the JSON Schemas. To be run once at a release, from its sources, and committed. What is there is never
// written again.
//
//   node --conditions=harmony-edge-source scripts/released.ts
import { build } from "esbuild";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exit, stderr } from "node:process";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { VERSION } from "../src/wire/version.ts";
import { schemaFiles } from "./schemas.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, "test/wire/released");
const decoder = join(folder, `decoder-${VERSION}.cjs.gz`);
const schemas = join(folder, `schemas-${VERSION}.json.gz`);

if (existsSync(decoder) || existsSync(schemas)) {
  stderr.write(`${VERSION} is kept already: what was released does not change\n`);
  exit(1);
}
const { outputFiles } = await build({
  absWorkingDir: root,
  entryPoints: [join(folder, "what-it-makes.ts")],
  bundle: true,
  write: false,
  // As the agent's own bundle is made.
  format: "cjs",
  platform: "node",
  target: "node20",
  minify: true,
  keepNames: true,
  charset: "ascii",
  legalComments: "none",
});
const write = (file: string, text: Uint8Array | string): void => {
  const bytes = gzipSync(text, { level: 9 });
  writeFileSync(file, bytes);
  stderr.write(`${file} ${Math.ceil(bytes.length / 1024)} KiB\n`);
};
write(decoder, outputFiles[0]?.contents ?? "");
const all = [...schemaFiles()].map(([file, text]): [string, unknown] => [file, JSON.parse(text)]);
write(schemas, JSON.stringify(Object.fromEntries(all)));
