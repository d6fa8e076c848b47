import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";
import PlainSummary from "../support/plain-summary.ts";
import { RealThings, realThings } from "./real-things.ts";

/** Tests on booted machines: `npm run test:device`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/device/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/device/global-setup.ts"],
    // A test says by tag what it needs the machine for.
    tags: realThings.map((name) => ({ name })),
    // Most tests wait for what a machine does in its own time: for one more there is work left.
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    reporters: ["default", new RealThings(), new PlainSummary()],
  },
});
