import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Before any test: dist/ is what the sources say, because the CLI, engine threads and the packed tarball run from there.
 * `npm test` has built already and ends where that fails. In a run by hand (`npx vitest run test/unit/...`) a source that
 * does not build must not keep unrelated tests from running, so it is said, loudly, and the run goes on.
 */
export function setup(): void {
  // For runs beside each other in one tree, of tests that do not need dist/.
  if (process.env["ASHORE_NO_BUILD"] === "1") return;
  const script = fileURLToPath(new URL("../../scripts/build.mjs", import.meta.url));
  const { status } = spawnSync(process.execPath, [script, "--if-stale"], { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) {
    console.error("ashore: the build failed (above). Tests that run dist/ see an older build, or none.");
  }
}
