import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import type { Site } from "../support/site.ts";
import { openDemoSite } from "./demo-site.ts";

/** The demo's page by itself: what it makes of a runtime that a stand-in plays (page/fake-ashore.ts). */

let browser: Browser;
let site: Site;
let context: BrowserContext | undefined;

beforeAll(async () => {
  [browser, site] = await Promise.all([launchChromium(), openDemoSite()]);
});
afterAll(async () => {
  await Promise.all([browser.close(), site.close()]);
});
afterEach(async () => {
  await context?.close();
});

/** @param how the stand-in's query, and how wide the window is */
async function open({ query = "", width = 1280 }: { readonly query?: string; readonly width?: number } = {}): Promise<Page> {
  context = await browser.newContext({ viewport: { width, height: 900 }, reducedMotion: "reduce" });
  const page = await context.newPage();
  await page.goto(`${site.url}/${query}`);
  return page;
}

/** Resolves when the element of this id says so. */
async function says(page: Page, id: string, text: string | RegExp): Promise<void> {
  const said = `document.getElementById(${JSON.stringify(id)})?.innerText ?? ""`;
  await page.waitForFunction(typeof text === "string" ? `(${said}) === ${JSON.stringify(text)}` : `${text}.test(${said})`, undefined, { timeout: 10_000 });
}

async function drawLine(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const box = await page.locator("#sheet").boundingBox();
  if (box === null) throw new Error("There is no sheet.");
  for (const [i, [x, y]] of points.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps: 4 });
    if (i === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

describe("a digit", () => {
  test("drawn with the mouse is read, and said once it stands", async () => {
    const page = await open();
    await says(page, "digit", "3");
    await page.click("#clear");
    await says(page, "sure", "An empty sheet");
    await drawLine(page, [[0.2, 0.22], [0.75, 0.2], [0.5, 0.6], [0.42, 0.88]]);
    await says(page, "digit", "7");
    await says(page, "spoken", "It reads 7");
    expect(await page.locator("#bars .best .name").innerText()).toBe("7");
  });

  test("comes from the keyboard and from the examples", async () => {
    const page = await open();
    await page.keyboard.press("4");
    await says(page, "digit", "4");
    await page.getByRole("button", { name: "Draw a 8" }).click();
    await says(page, "digit", "8");
    expect(await page.locator("#bars .share").allInnerTexts()).toHaveLength(10);
  });

  test("brings its version, backend, time and place", async () => {
    const page = await open();
    await says(page, "fact-version", "1");
    await says(page, "fact-backend", "wasm");
    await says(page, "fact-latency", /^\d+(\.\d)? ms$/);
    await says(page, "fact-served", "this device");
  });
});

describe("versions", () => {
  test("roll over under the questions, none of which fails", async () => {
    const page = await open();
    await says(page, "fact-version", "1");
    await page.getByRole("button", { name: "Publish version 2" }).click();
    await says(page, "fact-version", "2");
    await says(page, "publish-note", "Version 2 answers now.");
    await says(page, "counts", /by version 1\s+\d+ by version 2\s+0 failures/);
    await page.locator('[aria-label="States of version 1"] [aria-current]', { hasText: "END" }).waitFor();
    expect(await page.locator('[aria-label="States of version 2"] [aria-current]').innerText()).toBe("AVAILABLE");
    await page.getByRole("button", { name: "Revert to version 1" }).click();
    await says(page, "fact-version", "1");
  });

  test("tell their bytes while they come", async () => {
    const page = await open({ query: "?slow" });
    await says(page, "versions", /Downloading: 20\.2 kB of 40\.3 kB/);
    expect(await page.getByLabel("Download of version 1").getAttribute("value")).toBe("20166");
    await says(page, "sure", "Fetching the model");
  });

  test("have no control where the server has none", async () => {
    const page = await open({ query: "?nopublish" });
    await page.waitForResponse((response) => response.url().endsWith("/demo/publish") && response.status() === 404);
    await says(page, "badge", "Online");
    expect(await page.locator("#publish").isVisible()).toBe(false);
  });
});

describe("what goes wrong is said in words, with its code", () => {
  test.each([
    ["?fail=INSECURE_ORIGIN", "This address is not secure", "INSECURE_ORIGIN", /https/, "Not connected"],
    ["?missing=NOT_FOUND", "The server has no such model", "NOT_FOUND", /lists no model digits/, "Not connected"],
    ["?missing=NETWORK_FAILED", "The server is out of reach", "NETWORK_FAILED", /nothing answers there/, "Offline"],
  ])("%s", async (query, title, code, message, badge) => {
    const page = await open({ query });
    await says(page, "notice-title", title);
    await says(page, "notice-code", code);
    await says(page, "notice-message", message);
    await says(page, "badge", badge);
    expect(await page.getByRole("button", { name: "Try again" }).isVisible()).toBe(true);
  });

  test("a server that goes away takes nothing but its control", async () => {
    const page = await open({ query: "?reach=off" });
    await says(page, "badge", "Offline, still answering");
    await page.keyboard.press("5");
    await says(page, "digit", "5");
  });

  test("signatures that expired stop the news alone, and the page says since when, until they are fresh", async () => {
    const page = await open({ query: "?expired" });
    await says(page, "stale", /expired on Jan 2, 2030.*goes on answering/);
    await says(page, "digit", "3");
    await says(page, "badge", "Online");
    await page.evaluate("dispatchEvent(new Event('online'))");
    await page.waitForFunction("document.getElementById('stale').hidden");
  });

  test("a browser that keeps nothing", async () => {
    const page = await open({ query: "?storage=off" });
    await says(page, "host", /keeps nothing here/);
  });
});

test("a model is deleted, and fetched again when asked for", async () => {
  const page = await open();
  await says(page, "stored-bytes", "40.3 kB");
  await page.click("#delete");
  await says(page, "notice-title", "The model is deleted");
  await says(page, "stored-bytes", "0 B");
  await page.getByRole("button", { name: "Fetch it again" }).click();
  await says(page, "fact-version", "1");
  expect(await page.locator("#notice").isVisible()).toBe(false);
});

test("how to try it offline is told in a dialog that Escape closes", async () => {
  const page = await open();
  await says(page, "fact-version", "1");
  await page.getByRole("button", { name: "Try offline" }).click();
  await says(page, "offline-note", "Everything that this page needs is on this device now.");
  await page.keyboard.press("Escape");
  expect(await page.getByRole("dialog").isVisible()).toBe(false);
});

describe.each([320, 390, 1280])("in a window of %i pixels", (width) => {
  test("nothing is wider than the window, and nothing moves while the model comes and goes", async () => {
    const page = await open({ width });
    await page.evaluate(`
      globalThis.moved = 0;
      new PerformanceObserver((list) => list.getEntries().forEach(({ value }) => (moved += value))).observe({ type: "layout-shift", buffered: true });
    `);
    await says(page, "fact-version", "1");
    await page.locator("#publish").click();
    await says(page, "fact-version", "2");
    await says(page, "stored-bytes", "297.7 kB");
    expect(await page.evaluate("document.documentElement.scrollWidth - innerWidth")).toBeLessThanOrEqual(0);
    expect(await page.evaluate("moved")).toBeLessThan(0.01);
  });
});

test("the page asks its own origin alone, and says what it is when it is installed", async () => {
  context = await browser.newContext();
  const page = await context.newPage();
  const asked: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => asked.push(request.url()));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(site.url);
  await says(page, "fact-version", "1");
  expect(asked.filter((url) => !url.startsWith(site.url))).toEqual([]);
  expect(complaints).toEqual([]);
  const devtools = await context.newCDPSession(page);
  expect((await devtools.send("Page.getInstallabilityErrors")).installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito")).toEqual([]);
  const { data, errors } = await devtools.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  expect(JSON.parse(data ?? "")).toMatchObject({ short_name: "Ashore", display: "standalone", start_url: "/" });
});
