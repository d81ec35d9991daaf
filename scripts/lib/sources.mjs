import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The repository's root folder. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Where the build writes. Flat on purpose, see `vite.config.ts`. */
export const DIST = join(ROOT, "dist");

/** The file in `dist` that names what it was built from. */
export const STAMP = join(DIST, ".built-from");

/** The rooms whose code browsers run. */
const BROWSER_ROOMS = ["protocol", "engine", "runtime", "browser", "service-worker", "client"];

/** The rooms whose code is shipped. */
const ROOMS = [...BROWSER_ROOMS, "edge", "sync-server", "cli"];

/** What the browser's scripts depend on besides. */
const BROWSER_INPUTS = ["package.json", "package-lock.json", "vite.browser.config.ts", "scripts/lib/browser-scripts.mjs"];

/** Everything else that a build depends on. */
const INPUTS = [
  ...BROWSER_INPUTS,
  "tsconfig.base.json",
  "tsconfig.build.json",
  "tsconfig.build.browser.json",
  "vite.config.ts",
  "demo/vite.config.ts",
  "scripts/build.mjs",
  "scripts/lib/sources.mjs",
];

/** The SHA-256 over the path and the bytes of everything that a build reads. */
export function sourceDigest() {
  return digestOver([...INPUTS, ...sourcesOf(ROOMS), ...filesUnder("demo/app")]);
}

/** The same over what the browser's scripts are made of: they name it as their build. */
export function browserDigest() {
  return digestOver([...BROWSER_INPUTS, ...sourcesOf(BROWSER_ROOMS)]);
}

function digestOver(paths) {
  const hash = createHash("sha256");
  for (const path of paths) {
    const file = join(ROOT, path);
    if (!existsSync(file)) continue;
    const bytes = readFileSync(file);
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
}

function sourcesOf(rooms) {
  return rooms.flatMap((room) => filesUnder(room)).filter((path) => path.endsWith(".ts")).sort();
}

function filesUnder(folder) {
  if (!existsSync(join(ROOT, folder))) return [];
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? filesUnder(path) : [path];
  });
}

/** True when `dist` was built from the sources that lie here now. */
export function isFresh() {
  return existsSync(STAMP) && readFileSync(STAMP, "utf8") === sourceDigest();
}
