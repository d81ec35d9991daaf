import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { build } from "vite";
import { bundle } from "../support/chromium.ts";
import { ROOT } from "../support/root.ts";
import { openSite, type Site, type SiteFile } from "../support/site.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  webmanifest: "application/manifest+json",
};

/** The demo's page as it is built, on an origin whose `/ashore/client.js` is a stand-in (`page/fake-ashore.ts`), and that has nothing else. */
export async function openDemoSite(): Promise<Site> {
  const [files, client] = await Promise.all([buildDemo(), bundle("test/browser/page/fake-ashore.ts")]);
  const all = new Map(Object.entries({ ...files, "/ashore/client.js": { body: client, type: TYPES["js"] ?? "" } }));
  const site = await openSite("http://127.0.0.1:9", Object.fromEntries(all));
  site.setBetween((path) => (all.has(new URL(path, site.url).pathname) ? undefined : { status: 404 }));
  return site;
}

async function buildDemo(): Promise<Record<string, SiteFile>> {
  const built = await build({ configFile: join(ROOT, "demo/vite.config.ts"), logLevel: "error", build: { write: false } });
  const files: Record<string, SiteFile> = {};
  const put = (name: string, body: string | Uint8Array): void => {
    files[name === "index.html" ? "/" : `/${name}`] = { body, type: TYPES[name.slice(name.lastIndexOf(".") + 1)] ?? "" };
  };
  for (const result of Array.isArray(built) ? built : [built]) {
    if (!("output" in result)) throw new Error("vite watches instead of building");
    for (const file of result.output) {
      put(file.fileName, file.type === "chunk" ? file.code : file.source);
    }
  }
  const still = join(ROOT, "demo/app/public");
  for (const name of await readdir(still)) put(name, await readFile(join(still, name)));
  return files;
}
