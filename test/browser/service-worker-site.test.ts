import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bundle, launchChromium, serveOrigin, type Origin } from "../support/chromium.ts";

/** The site's cache over a real Cache Storage. */

let origin: Origin;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  origin = await serveOrigin({ "/probe.js": await bundle("test/browser/worker/sw-site-probe.ts") });
  browser = await launchChromium();
  page = await browser.newPage();
  await page.goto(origin.url);
});
afterAll(async () => {
  await browser?.close();
  await origin?.close();
});

/** Runs a body with `probe` in the page. */
const run = <T>(body: string, limits = { most: 8, mostBytes: 1_000 }): Promise<T> => page.evaluate<T>(`import("/probe.js").then(({ openProbe }) => openProbe(${JSON.stringify(limits)})).then(async (probe) => { ${body} })`);

test("pages and their parts come from the network while it is there, and from the cache when it is not", async () => {
  const seen = await run(`
    probe.serve({ "/": { body: "page 1" }, "/app.js": { body: "script" } });
    const first = [await probe.ask("/", "document"), await probe.ask("/app.js", "script")];
    probe.serve({ "/": { body: "page 2" } });
    const second = await probe.ask("/", "document");
    probe.serve(undefined);
    probe.revive();
    return [...first, second, await probe.ask("/", "document"), await probe.ask("/app.js", "script"), await probe.ask("/unknown", "document")];
  `);
  expect(seen).toEqual(["page 1", "script", "page 2", "page 2", "script", "TypeError"]);
});

test("on a network that hangs, what is kept is shown, and what comes at last is kept; what is not kept is waited for", async () => {
  const seen = await run(`
    probe.serve({ "/": { body: "old" } });
    await probe.ask("/", "document");
    probe.serve({ "/": { body: "new" }, "/other": { body: "other" } });
    probe.hang();
    const asked = [probe.ask("/", "document"), probe.ask("/other", "document")];
    probe.wait();
    await probe.kept();
    probe.release();
    const first = await Promise.all(asked);
    probe.serve(undefined);
    return [...first, await probe.ask("/", "document")];
  `);
  expect(seen).toEqual(["old", "other", "new"]);
});

test("what scripts fetch is kept only where the page asked for it, and then kept fresh", async () => {
  const seen = await run(`
    probe.serve({ "/me.json": { body: "secret" }, "/words.json": { body: "old" } });
    const kept = await probe.keep(["/words.json", "/missing.json", "/v1/models/m"]);
    await probe.ask("/me.json");
    probe.serve({ "/words.json": { body: "new" } });
    await probe.ask("/words.json");
    probe.serve(undefined);
    return [kept, await probe.kept(), await probe.ask("/words.json"), await probe.ask("/me.json")];
  `);
  expect(seen).toEqual([1, ["/words.json"], "new", "TypeError"]);
});

test("a fault and what forbids it are not kept, and do not push out what was", async () => {
  const seen = await run(`
    probe.serve({ "/": { body: "good" }, "/bank": { body: "balance", headers: { "cache-control": "no-store" } } });
    await probe.ask("/", "document");
    await probe.ask("/bank", "document");
    probe.serve({ "/": { body: "overloaded", status: 503 } });
    const fault = await probe.ask("/", "document");
    probe.serve(undefined);
    return [fault, await probe.ask("/", "document"), await probe.kept()];
  `);
  expect(seen).toEqual(["overloaded", "good", ["/"]]);
});

test("an answer that says it is the same is not written again", async () => {
  const seen = await run(`
    const headers = { etag: '"1"' };
    probe.serve({ "/a": { body: "a", headers }, "/b": { body: "b", headers } });
    for (const path of ["/a", "/b", "/a"]) await probe.ask(path, "script");
    const before = await probe.kept();
    probe.serve({ "/a": { body: "a2", headers: { etag: '"2"' } } });
    await probe.ask("/a", "script");
    return [before, await probe.kept()];
  `);
  expect(seen).toEqual([["/a", "/b"], ["/b", "/a"]]);
});

test("too many or too large, the oldest goes, also after the worker was stopped", async () => {
  const files = (names: string, size: number): string => JSON.stringify(Object.fromEntries(names.split("").map((name) => [`/${name}`, { body: name.repeat(size) }])));
  const seen = await run(
    `
    probe.serve(${files("abcd", 10)});
    for (const name of "abcd") await probe.ask("/" + name, "image");
    const byCount = await probe.kept();
    probe.revive();
    probe.serve(${files("e", 85)});
    await probe.ask("/e", "image");
    return [byCount, await probe.kept()];
  `,
    { most: 3, mostBytes: 100 },
  );
  expect(seen).toEqual([["/b", "/c", "/d"], ["/d", "/e"]]);
});
