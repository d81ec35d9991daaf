import { join } from "node:path";
import type { BrowserContext, Page } from "playwright-core";
import { build } from "vite";
import type { HostAnswer, HostRequest } from "../../protocol/messages.ts";
import { launchChromium } from "../support/chromium.ts";
import { ROOT } from "../support/root.ts";
import { openSite, type Site, type SiteFile } from "../support/site.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

/** A site whose pages speak to its service worker by bare messages, in front of a sync server; and a browser. */
export interface WorkerSite {
  readonly workshop: Workshop;
  readonly site: Site;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Posts a request to the active worker; its last answer, with the `taken` before it. */
  ask(request: HostRequest | object, how?: { readonly page?: Page; readonly ashore?: number }): Promise<LastAnswer>;
  /** Asks for news, and waits until everything is loaded. */
  takeIn(): Promise<void>;
  /** A plain fetch of the page. */
  rest(path: string, body?: string): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string }>;
  register(script: string): Promise<void>;
  /** Stops every service worker, as a browser does after 30 idle seconds. */
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
}

export type LastAnswer = Exclude<HostAnswer, { type: "taken" }> & { readonly taken: Extract<HostAnswer, { type: "taken" }> };

const script = (code: string): SiteFile => ({ body: code, type: "text/javascript" });

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>site</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/style.css"><p id="asset"></p><script src="/page.js"></script></html>`;

const PAGE_SCRIPT = `
globalThis.ask = async (request, ashore) => {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  return await new Promise((resolve) => {
    let taken;
    port1.onmessage = ({ data }) => (data.type === "taken" ? (taken = data) : resolve({ ...data, taken }));
    active.postMessage({ ashore, request }, [port2]);
  });
};
globalThis.rest = async (path, body) => {
  const response = await fetch(path, body === undefined ? {} : { method: "POST", body });
  return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
};
document.title = "ready";
`;

/** The prebuilt service worker, or another entry, as the build makes it. */
export async function buildWorker(entry = "service-worker/prebuilt.ts", mode = "service-worker"): Promise<string> {
  const result = await build({
    configFile: join(ROOT, "vite.browser.config.ts"),
    root: ROOT,
    mode,
    logLevel: "error",
    build: { write: false, minify: false, sourcemap: false, lib: { entry } },
  });
  const [built] = Array.isArray(result) ? result : [result];
  if (built === undefined || !("output" in built)) throw new Error(`vite built nothing from ${entry}`);
  return built.output[0].code;
}

/** `write` puts version 1 of each model in place before the server starts. */
export async function openWorkerSite(models: Readonly<Record<string, (folder: string) => Promise<void>>>, options: { readonly files: Readonly<Record<string, string>>; readonly serve?: readonly string[] }): Promise<WorkerSite> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.toReversed()) await end();
  };
  try {
    const workshop = await openWorkshop();
    closers.push(() => workshop.close());
    for (const [name, write] of Object.entries(models)) await workshop.drop(name, 1, write);
    const list = Object.keys(models).map((name) => `config { name: "${name}" base_path: "${workshop.path("models", name)}" }`);
    const config = await workshop.write("models.config", `model_config_list { ${list.join("\n")} }`);
    const server = await workshop.serve("--model_config_file", config, ...(options.serve ?? ["--no-inference"]));
    while (!(await fetch(`${server.url}/readyz`)).ok) await new Promise((resolve) => setTimeout(resolve, 20));
    const scripts = Object.entries(options.files).map(([path, code]) => [path, script(code)] as const);
    const site = await openSite(server.url, {
      "/": { body: PAGE, type: "text/html; charset=utf-8" },
      "/page.js": script(PAGE_SCRIPT),
      "/style.css": { body: "p { color: teal }", type: "text/css" },
      ...Object.fromEntries(scripts),
    });
    closers.push(() => site.close());
    const browser = await launchChromium();
    closers.push(() => browser.close());
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(site.url);
    await page.waitForFunction("document.title === 'ready'");
    const ask: WorkerSite["ask"] = (request, { page: asking = page, ashore = 1 } = {}) => asking.evaluate<LastAnswer>(`ask(${JSON.stringify(request)}, ${ashore})`);
    return {
      workshop,
      site,
      context,
      page,
      ask,
      takeIn: async () => {
        for (const type of ["sync", "settle"] as const) {
          const answer = await ask({ type });
          if (answer.type !== "done") throw new Error(`${type} failed: ${JSON.stringify(answer)}`);
        }
      },
      rest: (path, body) => page.evaluate(`rest(${JSON.stringify(path)}, ${JSON.stringify(body)})`),
      // Both scripts claim the page that registered them.
      register: (path) =>
        page.evaluate(`(async () => {
          const { serviceWorker } = navigator;
          const claimed = new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
          await serviceWorker.register(${JSON.stringify(path)}, { scope: "/" });
          if (serviceWorker.controller === null) await claimed;
        })()`),
      stopWorkers: async () => {
        const session = await context.newCDPSession(page);
        await session.send("ServiceWorker.enable");
        await session.send("ServiceWorker.stopAllWorkers");
        await session.detach();
      },
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
