#!/usr/bin/env node
// Starts the bundle that the arguments ask for. `harmony agent ...` loads the agent's bundle and nothing else,
// so that a device never loads the command line. In a clone (there is a src folder) the bundles are built
// first when they are missing or older than the sources; an installed package has none and brings its dist.
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
const arguments_ = process.argv.slice(2);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`harmony needs Node 20.19 or newer; this is ${process.version}\n`);
  process.exitCode = 2;
} else if (await isBuilt(arguments_[0] === "agent" ? ["agent"] : ["agent", "cli", "lib"])) {
  process.exitCode =
    arguments_[0] === "agent"
      ? await createRequire(import.meta.url)("../dist/agent.cjs").main(arguments_.slice(1))
      : await (await import(new URL("../dist/cli.js", import.meta.url).href)).main(arguments_);
}

/**
 * Sees to it that the bundles are there; says on standard error why not.
 * @param {readonly ("agent" | "cli" | "lib")[]} targets
 */
async function isBuilt(targets) {
  if (!existsSync(new URL("../src", import.meta.url))) return true;
  try {
    const { build, isStale } = await import("../scripts/build.mjs");
    const stale = targets.filter(isStale);
    if (stale.length > 0) await build(stale);
    return true;
  } catch (error) {
    const hint = existsSync(new URL("../node_modules", import.meta.url)) ? "" : " (run npm ci first)";
    process.stderr.write(`harmony could not build its bundles${hint}: ${String(error)}\n`);
    process.exitCode = 2;
    return false;
  }
}
