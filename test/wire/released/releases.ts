import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Script } from "node:vm";
import { gunzipSync } from "node:zlib";
import * as z from "zod";
import type { knows, whatItMakes } from "./what-it-makes.ts";

/** What `scripts/released.ts` has kept of each version. */
export interface Release {
  readonly version: string;
  readonly decoder: { readonly knows: typeof knows; readonly whatItMakes: typeof whatItMakes };
  /** By the file's name in schemas/. */
  readonly schemas: Readonly<Record<string, unknown>>;
}

/**
 * Changes since a release that are meant, with the reason: `"kinds/File@1.spec.json: mode: pattern was ..."` for a schema,
 * `"File@1"` for what comes of old bytes. To be told in docs/wire-compatibility.md.
 */
export const ACCEPTED: Readonly<Record<string, string>> = {};

const folder = new URL(".", import.meta.url);
const unpacked = (name: string): string => gunzipSync(readFileSync(new URL(name, folder))).toString();

export const releases: readonly Release[] = readdirSync(folder)
  .flatMap((name) => /^decoder-(.+)\.cjs\.gz$/.exec(name)?.[1] ?? [])
  .map((version) => ({
    version,
    decoder: run(`decoder-${version}.cjs.gz`),
    schemas: z.record(z.string(), z.unknown()).parse(JSON.parse(unpacked(`schemas-${version}.json.gz`))),
  }));

/** As Node runs a CommonJS file. It was made by this repository's own script. */
function run(name: string): Release["decoder"] {
  const module: { exports: unknown } = { exports: {} };
  const wrapped = new Script(`(function (exports, require, module) {${unpacked(name)}\n})`, { filename: name });
  const make: unknown = wrapped.runInThisContext();
  if (typeof make !== "function") throw new Error(`${name} is no module`);
  Reflect.apply(make, undefined, [module.exports, createRequire(import.meta.url), module]);
  if (!isDecoder(module.exports)) throw new Error(`${name} does not export what it should`);
  return module.exports;
}

function isDecoder(value: unknown): value is Release["decoder"] {
  return typeof value === "object" && value !== null && "knows" in value && "whatItMakes" in value;
}
