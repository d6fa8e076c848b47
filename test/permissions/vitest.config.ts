import { defineConfig } from "vitest/config";
import base from "../../vitest.config.ts";

/** What each user of a fleet's server may do and may not, on real servers: `npm run test:permissions`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ["test/permissions/**/*.test.ts"],
    exclude: [],
    // The first run fetches servers.
    hookTimeout: 300_000,
    testTimeout: 60_000,
  },
});
