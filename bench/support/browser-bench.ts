import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { launchChromium } from "../../test/support/chromium.ts";
import { copyRealModel, type RealModel } from "../../test/support/real-models.ts";
import { ROOT } from "../../test/support/root.ts";
import { openSite, type Site, type SiteFile } from "../../test/support/site.ts";
import { openWorkshop } from "../../test/support/workshop.ts";

/** One input of a model, as both pages fill it: every element 0.5. */
export interface BenchModel {
  readonly name: RealModel;
  readonly input: string;
  readonly shape: readonly number[];
}

export interface BrowserBench {
  readonly site: Site;
  readonly browser: Browser;
  /** The model's own model.json on disk. */
  modelJson(name: RealModel): string;
  close(): Promise<void>;
}

/**
 * A sync server with the models, and before it a site with two pages: `/ashore.html`, and `/tfjs.html`, the page of a reader of
 * TF.js's documentation (three UMD scripts, `loadGraphModel` from http or `indexeddb://`, wasm). Each page sets `took` to the
 * milliseconds from its navigation to its first prediction's values.
 */
export async function openBrowserBench(
  real: readonly BenchModel[],
  { models = {}, files = {} }: { readonly models?: Readonly<Record<string, (folder: string) => Promise<void>>>; readonly files?: Readonly<Record<string, SiteFile>> } = {},
): Promise<BrowserBench> {
  const workshop = await openWorkshop();
  const writers = { ...models, ...Object.fromEntries(real.map(({ name }) => [name, (folder: string) => copyRealModel(name, folder)])) };
  for (const [name, write] of Object.entries(writers)) await workshop.drop(name, 1, write);
  const list = Object.keys(writers).map((name) => `  - model: ${name}\n    base_path: ${workshop.path("models", name)}\n`);
  const server = await workshop.serve("--no-inference", "--config", await workshop.write("config.yaml", `models:\n${list.join("")}`));
  while (!(await fetch(`${server.url}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 50));
  const site = await openSite(server.url, { ...peerFiles(workshop.path("models")), "/ashore.html": html(ASHORE_PAGE), "/tfjs.html": html(TFJS_PAGE), ...files });
  const browser = await launchChromium();
  return {
    site,
    browser,
    modelJson: (name) => workshop.path("models", name, "1", "model.json"),
    close: async () => {
      await browser.close();
      await site.close();
      await workshop.close();
    },
  };
}

/** Opens a page and gives the milliseconds that it took to its first prediction. */
export async function visit(context: BrowserContext, url: string): Promise<{ readonly page: Page; readonly ms: number }> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction("globalThis.took !== undefined || globalThis.failed !== undefined", undefined, { polling: 20 });
  const failed = await page.evaluate<string | undefined>("globalThis.failed");
  if (failed !== undefined) throw new Error(`${url}: ${failed}`);
  return { page, ms: await page.evaluate<number>("globalThis.took") };
}

export const query = ({ name, input, shape }: BenchModel, more = ""): string => `?model=${name}&input=${encodeURIComponent(input)}&shape=${shape.join(",")}${more}`;

/** Stops all service workers, as a browser does with idle ones. */
export async function stopWorkers(page: Page): Promise<void> {
  const session = await page.context().newCDPSession(page);
  await session.send("ServiceWorker.enable");
  await session.send("ServiceWorker.stopAllWorkers");
  await session.detach();
}

const html = (script: string): SiteFile => ({ body: `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">${script}`, type: "text/html; charset=utf-8" });

const SETUP = `
const query = new URLSearchParams(location.search);
const name = query.get("model");
const shape = query.get("shape").split(",").map(Number);
const data = () => new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5);
`;

const ASHORE_PAGE = `<script type="module">
import { connect } from "/ashore/client.js";
${SETUP}
try {
  const ashore = await connect({ server: location.origin, models: [name], backends: ["wasm"] });
  const model = ashore.model(name);
  await model.ready();
  globalThis.ask = () => model.predict({ [query.get("input")]: { dtype: "float32", shape, data: data() } }, { transfer: true });
  const answer = await ask();
  if (answer.servedBy !== "device" || answer.backend !== "wasm") throw new Error(JSON.stringify(answer));
  globalThis.took = performance.now();
} catch (error) {
  globalThis.failed = String(error?.code) + " " + String(error?.message ?? error);
}
</script>`;

const TFJS_PAGE = `<script src="/peer/tf-core.min.js"></script><script src="/peer/tf-converter.min.js"></script><script src="/peer/tf-backend-wasm.min.js"></script>
<script type="module">
${SETUP}
try {
  tf.wasm.setWasmPaths("/peer/");
  await tf.setBackend("wasm");
  const model = await tf.loadGraphModel(query.get("from") === "indexeddb" ? "indexeddb://" + name : "/peer/models/" + name + "/1/model.json");
  globalThis.ask = async () => {
    const input = tf.tensor(data(), shape);
    const outputs = [model.execute({ [query.get("input")]: input })].flat();
    const values = await Promise.all(outputs.map((output) => output.data()));
    tf.dispose([input, outputs]);
    return values;
  };
  await ask();
  if (tf.getBackend() !== "wasm") throw new Error(tf.getBackend());
  globalThis.took = performance.now();
  if (query.has("save")) {
    await model.save("indexeddb://" + name);
    globalThis.saved = true;
  }
} catch (error) {
  globalThis.failed = String(error?.message ?? error);
}
</script>`;

/** TF.js as its packages ship it for script tags, and the models as plain files. */
function peerFiles(models: string): Record<string, SiteFile> {
  const packages = { core: "tf-core.min.js", converter: "tf-converter.min.js", "backend-wasm": "tf-backend-wasm.min.js" };
  const files: Record<string, SiteFile> = {};
  const put = (path: string, file: string): void => {
    const type = path.endsWith(".js") ? "text/javascript" : path.endsWith(".wasm") ? "application/wasm" : path.endsWith(".json") ? "application/json" : "application/octet-stream";
    files[path] = { body: readFileSync(file), type, headers: { "cache-control": "no-cache" } };
  };
  for (const [name, script] of Object.entries(packages)) put(`/peer/${script}`, join(ROOT, "node_modules/@tensorflow", `tfjs-${name}`, "dist", script));
  const wasm = join(ROOT, "node_modules/@tensorflow/tfjs-backend-wasm/dist");
  for (const file of readdirSync(wasm).filter((one) => one.endsWith(".wasm"))) put(`/peer/${file}`, join(wasm, file));
  for (const path of readdirSync(models, { recursive: true, encoding: "utf8" })) {
    if (/\.(json|bin)$/.test(path)) put(`/peer/models/${path}`, join(models, path));
  }
  return files;
}
