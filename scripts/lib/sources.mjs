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

/** The rooms whose code is shipped. */
const ROOMS = ["protocol", "engine", "runtime", "browser", "service-worker", "client", "edge", "sync-server", "cli"];

/** Everything else that a build depends on. */
const INPUTS = [
  "package.json",
  "package-lock.json",
  "tsconfig.base.json",
  "tsconfig.build.json",
  "vite.config.ts",
  "scripts/build.mjs",
  "scripts/lib/sources.mjs",
];

/** The SHA-256 over the path and the bytes of everything that a build reads. */
export function sourceDigest() {
  const hash = createHash("sha256");
  const files = ROOMS.flatMap((room) => filesUnder(room)).filter((path) => path.endsWith(".ts"));
  for (const path of [...INPUTS, ...files.sort()]) {
    const file = join(ROOT, path);
    if (!existsSync(file)) continue;
    const bytes = readFileSync(file);
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  }
  return hash.digest("hex");
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
