import { afterEach, expect, test } from "vitest";
import { act, openApp, type App } from "../../support/app.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { linearAnswer } from "../../support/workshop.ts";

let app: App;
afterEach(() => app?.close());

test("a new version takes over under a loop of predicts in two tabs: none fails, versions only rise, a broken one never answers", async () => {
  app = await openApp({ line: (folder) => writeLinearModel(folder, 2, 0.5) });
  const { page, site, workshop, server, open } = app;
  await act(page, "connect", { server: site.url, models: ["line"] });
  await act(page, "ready", "line");
  const second = await open();
  await act(second, "connect", { server: site.url, models: ["line"] });
  await act(second, "ready", "line");

  site.down();
  for (const tab of [page, second]) await act(tab, "startLoop", "line", [1, 2, 3]);
  await workshop.drop("line", 2, (folder) => writeLinearModel(folder, 3, 0.25));
  await app.published("line", 2);
  site.up();
  expect(await act(page, "sync")).toEqual({ ok: null });
  await act(second, "answersWith", "line", [1], 2);
  await workshop.drop("line", 3, (folder) => writeLinearModel(folder, 4, 0, { op: "NoSuchOp" }));
  await server.line(/NoSuchOp/);
  await workshop.drop("line", 4, (folder) => writeLinearModel(folder, 5, 0.125));
  await app.published("line", 4);
  expect(await act(second, "sync")).toEqual({ ok: null });
  await act(page, "answersWith", "line", [1], 4);

  for (const tab of [page, second]) {
    const { versions, failures, servedBy } = await act(tab, "stopLoop");
    expect(failures).toEqual([]);
    expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    expect(new Set(versions)).toEqual(new Set([1, 2, 4]));
    expect(new Set(servedBy)).toEqual(new Set(["device"]));
  }
  expect(await act(page, "predict", "line", [1, 2, 3])).toMatchObject({ ok: { outputs: { y: linearAnswer(5, 0.125) }, version: 4 } });
  expect(site.count("/v1")).toBe(0);
});
