import { readFileSync, readdirSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** Which folders each folder of src may import besides itself; whatever is not listed is forbidden. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  capabilities: [],
  scores: ["capabilities"],
  topology: ["capabilities", "scores"],
  // What is made of kinds that are there: manifests hold its parts, so nothing else knows of it.
  compositions: ["capabilities", "scores", "topology"],
  wire: ["capabilities", "scores", "topology"],
  agent: ["capabilities", "scores", "topology", "wire"],
  // Before it ships, the fleet refuses what the checker finds.
  fleet: ["capabilities", "scores", "topology", "wire", "check"],
  check: ["capabilities", "scores", "topology", "wire"],
  testing: ["capabilities", "scores", "topology", "wire"],
  // What a FILE imports as "harmony-edge" is the command line's own running copy of it.
  cli: ["capabilities", "scores", "topology", "wire", "fleet", "check", "index.ts"],
  "index.ts": ["capabilities", "scores", "topology", "compositions", "wire", "fleet", "check"],
};

/** These touch the world: the device, the network, the terminal. Everything else gets it handed in. */
const adapters = /^(agent\/(adapters\/|program\.ts$)|wire\/nats\/|cli\/)/;

/** Where each package and each module of Node may be imported; the first pattern that fits decides. */
const whereAllowed: readonly (readonly [specifier: RegExp, from: RegExp])[] = [
  [/^nats$/, /^wire\/nats\//],
  [/^(tsyringe|reflect-metadata)(\/|$)/, /^agent\/container\.ts$/],
  [/^(superjson|json-canonicalize)$/, /^wire\//],
  [/^(commander|diff|esbuild)$/, /^cli\//],
  [/^dbus-native(\/|$)/, /^agent\/adapters\//],
  [/^ipaddr\.js$/, /^scores\/ip-addresses\.ts$/],
  [/^fast-check$/, /^testing\//],
  [/^(zod|ts-pattern|@noble\/hashes\/.+)$/, /^(?!capabilities\/)/],
  [/^node:crypto$/, /^(wire|agent|cli|testing)\//],
  // Pure: command lines, comparison.
  [/^node:util$/, /^(agent|cli|wire\/nats)\//],
  [/^node:/, adapters],
];

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, folder: folderOf(file), text: readFileSync(join(src, file), "utf8") }));
// Type imports count: a type that points the wrong way pulls the design after it.
const edges = files.flatMap(({ file, folder, text }) =>
  ts.preProcessFile(text).importedFiles.map(({ fileName: specifier }) => ({ file, folder, specifier })),
);

function folderOf(file: string): string {
  return file.split("/")[0] ?? "";
}

function isAllowed({ file, folder, specifier }: (typeof edges)[number]): boolean {
  if (!specifier.startsWith(".")) {
    return whereAllowed.find(([pattern]) => pattern.test(specifier))?.[1].test(file) === true;
  }
  const target = folderOf(relative(src, resolve(join(src, file), "..", specifier)));
  return target === folder || mayImport[folder]?.includes(target) === true;
}

test("imports in src run one way, and each package is imported in its one place", () => {
  expect(edges.length).toBeGreaterThan(0);
  expect(edges.filter((edge) => !isAllowed(edge))).toEqual([]);
});

test("what is not an adapter does not reach for the process either", () => {
  const pure = files.filter(({ file }) => !adapters.test(file));
  expect(pure.length).toBeGreaterThan(0);
  expect(pure.filter(({ text }) => /\bprocess\.[a-z]/.test(text)).map(({ file }) => file)).toEqual([]);
});

test("zod is imported whole by name, which bundles to a fifth of `import { z }`", () => {
  expect(files.filter(({ text }) => /import (type )?\{[^}]*\} from "zod"/.test(text)).map(({ file }) => file)).toEqual(
    [],
  );
});
