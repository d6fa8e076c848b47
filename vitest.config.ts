import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string): string => fileURLToPath(new URL(`src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    // The public names mean the sources, as in tsconfig.json, so that tests and examples need no build.
    alias: [
      { find: /^harmony-edge$/, replacement: source("index.ts") },
      { find: /^harmony-edge\/(testing|check)$/, replacement: source("$1/index.ts") },
    ],
  },
  test: {
    environment: "node",
    // What `harmony new` writes has to work as it stands.
    include: ["test/**/*.test.ts", "templates/**/*.test.ts"],
    // These need root and a machine of their own, or several servers; they have their own commands.
    exclude: ["test/compile-fail/**", "test/device/**", "test/permissions/**"],
    // The agent's tests change process-wide things (signals, umask), which threads would share.
    pool: "forks",
    // Many wait for real programs most of the time. More than this, on two cores, and what they wait for gets slow.
    maxWorkers: Math.max(3, availableParallelism() - 1),
    // No test is about how fast the machine is; what never ends is ended.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { requireAssertions: true, poll: { timeout: 30_000 } },
    allowOnly: false,
    reporters: ["default", "./test/support/plain-summary.ts"],
    coverage: {
      provider: "v8",
      include: ["src/**"],
      reporter: ["text-summary", "html", "json-summary"],
      thresholds: { lines: 50, branches: 50, functions: 50, statements: 50 },
    },
  },
});
