import { cp } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { act, openApp, type App } from "../../support/app.ts";
import { casesOf, difference, SAVED_MODELS, savedModelFolder, type SavedModelCase } from "../../support/saved-models.ts";

/** Real SavedModels, dropped into a repository as they are, answered by the service worker as TensorFlow answers them. */

/** One asks for another tag set than the server's; that is the edge's to show (test/conformance). */
const MODELS = SAVED_MODELS.filter((model) => model !== "custom_tag");
/** What TF.js cannot compute: refused by name at import, and to who asks for it. */
const REFUSED = (model: string, { signature_name }: SavedModelCase): boolean => model === "unsupported_linalg" && signature_name === "serving_default";

describe.skipIf(MODELS.length === 0)("SavedModels in a service worker (they lie beside the repository; skipped where they do not)", () => {
  let app: App;
  let connected: unknown;
  beforeAll(async () => {
    app = await openApp(Object.fromEntries(MODELS.map((model) => [model, (folder: string) => cp(savedModelFolder(model), folder, { recursive: true })])));
    connected = await act(app.page, "connect", { server: app.site.url, models: MODELS });
  }, 120_000);
  afterAll(() => app?.close());

  test.each(MODELS)("%s", async (model) => {
    const { page, site } = app;
    expect(connected).toMatchObject({ ok: { host: "service-worker" } });
    expect(await act(page, "ready", model)).toHaveProperty("ok");
    for (const one of casesOf(model)) {
      if ((one.version ?? 1) !== 1) continue;
      const { status, headers, body } = await act(page, "rest", `/v1/models/${model}:${one.method}`, one.request);
      const what = `${one.signature_name} ${one.method}: ${body.slice(0, 300)}`;
      if (REFUSED(model, one)) {
        expect(status, what).toBe(501);
        continue;
      }
      expect([status, headers["x-ashore-served-by"]], what).toEqual([200, "device"]);
      expect(difference(JSON.parse(body), one.response, one), what).toBeUndefined();
    }
    expect(site.count("/v1")).toBe(0);
  });
});
