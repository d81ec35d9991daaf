import { defineConfig } from "vitest/config";

const long = process.env["ASHORE_LONG"] === "1";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: long ? [] : ["**/*.long.test.ts"],
    globalSetup: ["test/support/fresh-build.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests of the CLI, the edge and the browser leave nothing behind: a worker that does not end is a leak, not patience.
    teardownTimeout: 10_000,
  },
});
