import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { chromium, type Browser } from "playwright-core";
import { build, type InlineConfig } from "vite";
import { findChromium } from "../../scripts/lib/chromium.mjs";
import { ROOT } from "./root.ts";

/** The sandbox refuses to start as root, and a test's browser has no business with update and sync servers. */
const FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];

/** WebGPU without a GPU: in software, slow, and the same in every machine. */
export const SOFTWARE_WEBGPU: readonly string[] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

export interface LaunchOptions {
  readonly args?: readonly string[];
}

/** Starts a real, headless Chromium. The caller closes it. */
export async function launchChromium({ args = [] }: LaunchOptions = {}): Promise<Browser> {
  const executablePath = await findChromium();
  if (executablePath === undefined) {
    throw new Error("This test needs Chromium, and there is none on PATH. `npm test` finds or installs it.");
  }
  return await chromium.launch({ executablePath, args: [...FLAGS, ...args] });
}

export interface BundleOptions {
  /** An ES module, or a classic script that runs by itself. Default: es. */
  readonly format?: "es" | "iife";
  readonly minify?: boolean;
}

/** A source file and all that it imports, as one script that a browser runs. `entry` is a path from the root. */
export function bundle(entry: string, { format = "es", minify = false }: BundleOptions = {}): Promise<string> {
  const lib = { entry, formats: [format], name: "bundle", fileName: "bundle" };
  return onlyFile(entry, { configFile: false, publicDir: false, build: { write: false, minify, target: "es2022", lib } });
}

/** The same, built as the worker's script in dist/ is: a classic script, minified. */
export function bundleAsWorker(entry: string): Promise<string> {
  return onlyFile(entry, { configFile: join(ROOT, "vite.browser.config.ts"), mode: "worker", build: { write: false, lib: { entry } } });
}

async function onlyFile(entry: string, config: InlineConfig): Promise<string> {
  const result = await build({ root: ROOT, logLevel: "error", ...config });
  const [built] = Array.isArray(result) ? result : [result];
  if (built === undefined || !("output" in built)) throw new Error(`vite built nothing from ${entry}`);
  const scripts = built.output.filter((file) => file.type === "chunk");
  const [first] = scripts;
  if (first === undefined || scripts.length > 1) throw new Error(`${entry} became ${scripts.length} files, where a page needs one`);
  return first.code;
}

/** A page's origin, served from memory. */
export interface Origin {
  readonly url: string;
  /** How often each path was asked for. */
  readonly requests: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/**
 * Serves `files` (path to body; `.js` and `.html` by their names) and an empty page at `/`. Its origin is
 * `http://127.0.0.1:PORT`, a secure context, so `crypto.subtle` and service workers are there.
 */
export async function serveOrigin(files: Readonly<Record<string, string>>): Promise<Origin> {
  const requests = new Map<string, number>();
  const bodies = new Map(Object.entries({ "/": "<!doctype html><title>test</title>", ...files }));
  const server = createServer(({ url = "/" }, response) => {
    requests.set(url, (requests.get(url) ?? 0) + 1);
    const body = bodies.get(url);
    const type = url.endsWith(".js") ? "text/javascript" : "text/html";
    response.writeHead(body === undefined ? 404 : 200, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" }).end(body);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}
