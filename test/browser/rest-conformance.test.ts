import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { allCases, type Case, type Reply } from "../conformance/rest/asking.ts";
import { bundle, launchChromium, serveOrigin, type Origin } from "../support/chromium.ts";

/** Every vector of test/conformance/rest, asked of the same handler in a real service worker. */

let browser: Browser;
let origin: Origin;
let page: Page;
let cases: readonly Case[];

beforeAll(async () => {
  cases = await allCases();
  origin = await serveOrigin({ "/sw.js": await bundle("test/browser/worker/rest-echo.ts", { format: "iife" }) });
  browser = await launchChromium();
  page = await (await browser.newContext()).newPage();
  await page.goto(origin.url);
  await page.evaluate(`(async () => {
    const { serviceWorker } = navigator;
    const claimed = new Promise((resolve) => serviceWorker.addEventListener("controllerchange", resolve, { once: true }));
    await serviceWorker.register("/sw.js");
    if (serviceWorker.controller === null) await claimed;
  })()`);
});
afterAll(async () => {
  await browser?.close();
  await origin?.close();
});

/** Each case whose reply is not the expected one, with both. */
function differences(asked: readonly Case[], replies: readonly Reply[]): unknown[] {
  return asked.flatMap((one, index) => {
    const reply = replies[index];
    const shown = reply === undefined ? "no reply" : one.shown(reply);
    return JSON.stringify(shown) === JSON.stringify(one.expected) ? [] : [{ name: one.name, shown, expected: one.expected }];
  });
}

test("by message", async () => {
  const questions = cases.map(({ question }) => question);
  const replies = await page.evaluate<Reply[]>(`new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => resolve(data);
    navigator.serviceWorker.controller.postMessage({ questions: ${JSON.stringify(questions)} }, [port2]);
  })`);
  expect(differences(cases, replies)).toEqual([]);
});

test("by a page's fetch, which asks nothing of the network", async () => {
  const sayable = cases.filter(({ noFetch }) => noFetch === undefined);
  expect(sayable.length).toBeGreaterThan(250);
  const before = [...origin.requests];
  const questions = sayable.map(({ question }) => question);
  const replies = await page.evaluate<Reply[]>(`(async () => {
    const replies = [];
    for (const { method, target, headers, body, cors } of ${JSON.stringify(questions)}) {
      const sent = method === "GET" || method === "HEAD" ? {} : { body: Uint8Array.from(body) };
      const response = await fetch(target, { method, headers: { ...headers, ...(cors ? { "x-cors": "1" } : {}) }, ...sent });
      replies.push({ status: response.status, headers: Object.fromEntries(response.headers), text: new TextDecoder().decode(await response.arrayBuffer()) });
    }
    return replies;
  })()`);
  expect(differences(sayable, replies)).toEqual([]);
  expect([...origin.requests]).toEqual(before);
});
