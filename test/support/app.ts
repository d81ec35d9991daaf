import type { Browser, BrowserContext, Page } from "playwright-core";
import type { Actions } from "./actions.ts";
import { bundle, launchChromium } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";
import { openWorkshop, type Workshop } from "./workshop.ts";
import type { Command } from "./processes.ts";

/** A sync server, a site before it, and a browser with a page of that site. */
export interface App {
  readonly workshop: Workshop;
  readonly server: Command;
  readonly site: Site;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Another page of the same browser profile, at the site's root or a path of it. */
  open(path?: string): Promise<Page>;
  /** Resolves when the server has published that version. */
  published(model: string, version: number): Promise<void>;
  /** Stops every service worker, as a browser does after 30 idle seconds. */
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
}

let e2e: Promise<string> | undefined;

/** `write` puts version 1 of each model in place before the server starts. */
export async function openApp(models: Readonly<Record<string, (folder: string) => Promise<void>>>, options: { readonly flags?: readonly string[]; readonly serve?: readonly string[]; readonly page?: boolean } = {}): Promise<App> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closers.toReversed()) await end();
  };
  try {
    const workshop = await openWorkshop();
    closers.push(() => workshop.close());
    for (const [name, write] of Object.entries(models)) await workshop.drop(name, 1, write);
    const list = Object.keys(models).map((name) => `config { name: "${name}" base_path: "${workshop.path("models", name)}" model_version_policy { latest { num_versions: 1 } } }`);
    const config = await workshop.write("models.config", `model_config_list { ${list.join("\n")} }`);
    const server = await workshop.serve("--no-inference", "--model_config_file", config, ...(options.serve ?? []));
    await answersOk(`${server.url}/readyz`);
    const site = await openSite(server.url);
    closers.push(() => site.close());
    site.put("/e2e.js", { body: await (e2e ??= bundle("test/browser/page/e2e.ts")), type: "text/javascript" });
    const browser: Browser = await launchChromium({ args: options.flags ?? [] });
    closers.push(() => browser.close());
    const context = await browser.newContext();
    const open = async (path = "/"): Promise<Page> => {
      const page = await context.newPage();
      await page.goto(site.url + path);
      await prepare(page);
      return page;
    };
    const page = await open();
    return {
      workshop,
      server,
      site,
      context,
      page,
      open,
      published: (model, version) => answersOk(`${server.url}/manifests/${model}/versions/${version}`),
      stopWorkers: async () => {
        // Any page will do, and the first may be closed.
        const session = await context.newCDPSession(context.pages()[0] ?? page);
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

/** Loads the actions into a page, which has them until it is loaded anew. */
export async function prepare(page: Page): Promise<void> {
  await page.waitForFunction("document.title === 'ready'");
  await page.evaluate("import('/e2e.js')");
}

/** Calls an action in the page. */
export async function act<K extends keyof Actions>(page: Page, name: K, ...args: Parameters<Actions[K]>): Promise<Awaited<ReturnType<Actions[K]>>> {
  const list = args.map((arg) => JSON.stringify(arg)).join(", ");
  return await page.evaluate<Awaited<ReturnType<Actions[K]>>>(`e2e[${JSON.stringify(name)}](${list})`);
}

async function answersOk(url: string): Promise<void> {
  while (!(await fetch(url)).ok) await new Promise((resolve) => setTimeout(resolve, 20));
}
