import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { run } from "./run.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** The path of a Chromium on this machine: one on PATH, else the one that Playwright keeps; undefined when there is none. */
export async function findChromium() {
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  for (const name of NAMES) {
    const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  const { chromium } = await import("playwright-core");
  const own = chromium.executablePath();
  return existsSync(own) ? own : undefined;
}

/** Finds Chromium or installs it: by apt on Debian as root, else Playwright's own build. Throws with the remedy. */
export async function findOrInstallChromium() {
  const found = await findChromium();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync("/etc/debian_version")) {
    console.log("ashore: no Chromium found, installing Debian's (apt-get install chromium)");
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    if ((await run("apt-get", ["update", "-qq"], { env })) === 0) {
      await run("apt-get", ["install", "-y", "-qq", "--no-install-recommends", "chromium"], { env });
    }
  }
  const installed = await findChromium();
  if (installed !== undefined) return installed;
  console.log("ashore: no Chromium found, installing Playwright's (playwright-core install chromium)");
  await run(process.execPath, ["node_modules/playwright-core/cli.js", "install", "chromium"]);
  const own = await findChromium();
  if (own !== undefined) return own;
  throw new Error(
    "ashore: the browser tests need Chromium; none is on PATH and none could be installed. Install it by hand " +
      "(Debian and Ubuntu: `sudo apt-get install chromium`; elsewhere: `npx playwright-core install chromium`, or put " +
      "Google Chrome on PATH) and run `npm test` again.",
  );
}
