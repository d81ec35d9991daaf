import { afterEach, expect, test } from "vitest";
import { act, openApp, type App } from "../support/app.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { linearAnswer } from "../support/workshop.ts";

/** A server on another origin than the site, which has one line for each worker and nothing else of Ashore. */

let app: App | undefined;
afterEach(() => app?.close());

async function besides(): Promise<App> {
  const opened = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5) });
  const { site, server, page } = opened;
  for (const name of ["service-worker", "worker"]) site.put(`/${name}.js`, { body: `importScripts("${server.url}/ashore/${name}.js");`, type: "text/javascript" });
  site.put("/there", { body: `<!doctype html><title>there</title><script type="module">import { connect } from "${server.url}/ashore/client.js"; globalThis.connect = connect; document.title = "ready";</script>`, type: "text/html" });
  await page.goto(`${site.url}/there`);
  await page.waitForFunction("document.title === 'ready'");
  await page.evaluate("import('/e2e.js')");
  return opened;
}

const OURS = /^GET \/(?:there|service-worker\.js|worker\.js|e2e\.js|favicon\.ico)$/;

test.each([
  ["the service worker", "/service-worker.js", "service-worker"],
  ["the page's own worker", false, "page"],
] as const)("%s takes all from the server", async (_, serviceWorker, host) => {
  app = await besides();
  const { page, site, server } = app;
  const before = site.log.length;
  expect(await act(page, "connect", { server: server.url, serviceWorker, worker: "/worker.js", models: ["line"] })).toMatchObject({ ok: { host } });
  expect(await act(page, "ready", "line")).toMatchObject({ ok: {} });
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: { outputs: { y: linearAnswer(2, 0.5) }, servedBy: "device" } });
  expect(site.log.slice(before).filter((line) => !OURS.test(line))).toEqual([]);
});
