import { afterEach, expect, test } from "vitest";
import { act, openApp, prepare, type App } from "../support/app.ts";
import { writeDeepModel, writeLinearModel } from "../support/make-model.ts";

/** A cross-origin isolated page: the built worker computes in threads, which TF.js starts from the text of its own function. */

let app: App | undefined;
afterEach(() => app?.close());

const ISOLATED = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };
const PAGE = `<!doctype html><title>isolated</title><script type="module">import { connect } from "/ashore/client.js"; globalThis.connect = connect; document.title = "ready";</script>`;

async function isolated(): Promise<App> {
  const opened = await openApp({ deep: (folder) => writeDeepModel(folder, { layers: 2, width: 64, seed: 7 }), line: (folder) => writeLinearModel(folder, 2, 0.5) });
  opened.site.put("/isolated", { body: PAGE, type: "text/html", headers: ISOLATED });
  await opened.page.goto(`${opened.site.url}/isolated`);
  await prepare(opened.page);
  expect(await opened.page.evaluate("crossOriginIsolated")).toBe(true);
  return opened;
}

test("the page's own runtime computes in threads, and agrees with the publisher", async () => {
  app = await isolated();
  const { page, site } = app;
  expect(await act(page, "connect", { serviceWorker: false, models: ["deep"], backends: ["wasm"] })).toMatchObject({ ok: { host: "page" } });
  // Its self-test compares with what the publisher computed.
  expect(await act(page, "ready", "deep")).toMatchObject({ ok: {} });
  expect(await act(page, "predictFilled", "deep", "x", [1, 64], 0.5)).toMatchObject({ ok: { servedBy: "device", backend: "wasm" } });
  expect(site.log.filter((line) => line.includes("/ashore/wasm/"))).toEqual(["GET /ashore/wasm/tfjs-backend-wasm-threaded-simd.wasm"]);
});

test("the service worker, which can start no threads, computes without", async () => {
  app = await isolated();
  const { page, site } = app;
  expect(await act(page, "connect", { models: ["line"], backends: ["wasm"] })).toMatchObject({ ok: { host: "service-worker" } });
  expect(await act(page, "ready", "line")).toHaveProperty("ok");
  expect(await act(page, "predict", "line", [1])).toMatchObject({ ok: { outputs: { y: [2.5] }, backend: "wasm" } });
  expect(site.log.filter((line) => line.includes("/ashore/wasm/"))).toEqual(["GET /ashore/wasm/tfjs-backend-wasm-simd.wasm"]);
});
