import { afterEach, beforeEach, expect, test } from "vitest";
import type { Browser } from "playwright-core";
import { launchChromium } from "../support/chromium.ts";
import { writeLinearModel } from "../support/make-model.ts";
import type { Command } from "../support/processes.ts";
import { openWorkshop, type Workshop } from "../support/workshop.ts";

let workshop: Workshop;
let server: Command;
let browser: Browser;

beforeEach(async () => {
  workshop = await openWorkshop();
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 2, 0.5));
  server = await workshop.serve("--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  browser = await launchChromium();
});
afterEach(async () => {
  await browser?.close();
  await workshop?.close();
});

test("the console opens again while its server is away, and runs nothing that its policy forbids", async () => {
  const page = await (await browser.newContext()).newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(server.url);
  await page.getByText("AVAILABLE").waitFor();
  await page.waitForFunction(`caches.keys().then(async (names) => {
    for (const name of names.filter((name) => name.startsWith("ashore-site:"))) if (await (await caches.open(name)).match("/")) return true;
    return false;
  })`);
  expect(complaints).toEqual([]);
  await server.kill();
  await page.reload();
  expect(await page.getByRole("heading", { name: "line" }).isVisible()).toBe(true);
  expect(await page.getByText("AVAILABLE").isVisible()).toBe(true);
});
