/**
 * From navigation to the first prediction in Chromium, beside a plain TF.js page on the same backend (wasm) and model. Cold: a
 * new profile each time, verification included. Warm: the same profile, workers stopped, beside TF.js's own `indexeddb://`.
 * Killed worker: an open page asks after its worker was stopped, beside the same TF.js page's reload. Alternating; ratios of
 * medians.
 */
import type { BrowserContext, Page } from "playwright-core";
import { openBrowserBench, query, stopWorkers, visit, type BenchModel } from "./support/browser-bench.ts";
import { median, printRatio } from "./support/ratios.ts";

const ROUNDS = 9;
const MODELS: readonly (BenchModel & { readonly killed: number })[] = [
  { name: "facemesh", input: "input_1", shape: [1, 192, 192, 3], killed: 0.65 },
  { name: "centernet", input: "tower_0/images", shape: [1, 512, 512, 3], killed: 0.85 },
];

const bench = await openBrowserBench(MODELS);
try {
  for (const model of MODELS) {
    await cold(model);
    await warm(model);
  }
} finally {
  await bench.close();
}

async function cold(model: BenchModel): Promise<void> {
  const rows = await alternate({
    ashore: () => inNewProfile(`/ashore.html${query(model)}`),
    peer: () => inNewProfile(`/tfjs.html${query(model)}`),
  });
  report(`cold start, ${model.name}: ashore / TF.js page`, rows, 1.15);
}

async function warm(model: BenchModel & { readonly killed: number }): Promise<void> {
  const context = await bench.browser.newContext();
  try {
    const { page } = await visit(context, `${bench.site.url}/tfjs.html${query(model, "&save")}`);
    await page.waitForFunction("globalThis.saved");
    await page.close();
    const ashore = (): Promise<number> => again(context, `/ashore.html${query(model)}`, stopWorkers);
    const peer = (): Promise<number> => again(context, `/tfjs.html${query(model, "&from=indexeddb")}`);
    for (let i = 0; i < 3; i++) await ashore();
    for (let i = 0; i < 2; i++) await peer();
    report(`warm start, ${model.name}: ashore / TF.js indexeddb://`, await alternate({ ashore, peer }), 1.05);

    const { page: open } = await visit(context, `${bench.site.url}/ashore.html${query(model)}`);
    const killed = async (): Promise<number> => {
      await stopWorkers(open);
      return await open.evaluate<number>("(async () => { const start = performance.now(); await ask(); return performance.now() - start; })()");
    };
    for (let i = 0; i < 2; i++) await killed();
    report(`stopped worker to first answer, ${model.name}: ashore / TF.js indexeddb:// page`, await alternate({ ashore: killed, peer }), model.killed);
  } finally {
    await context.close();
  }
}

async function inNewProfile(path: string): Promise<number> {
  const context = await bench.browser.newContext();
  try {
    return (await visit(context, bench.site.url + path)).ms;
  } finally {
    await context.close();
  }
}

async function again(context: BrowserContext, path: string, before?: (page: Page) => Promise<void>): Promise<number> {
  const blank = await context.newPage();
  await before?.(blank);
  const { page, ms } = await visit(context, bench.site.url + path);
  await page.close();
  await blank.close();
  return ms;
}

async function alternate(ways: { readonly ashore: () => Promise<number>; readonly peer: () => Promise<number> }): Promise<{ readonly ashore: number[]; readonly peer: number[] }> {
  const rows = { ashore: [] as number[], peer: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const way of round % 2 === 0 ? (["ashore", "peer"] as const) : (["peer", "ashore"] as const)) rows[way].push(await ways[way]());
  }
  return rows;
}

function report(what: string, { ashore, peer }: { readonly ashore: readonly number[]; readonly peer: readonly number[] }, atMost: number): void {
  printRatio(what, median(ashore) / median(peer), { atMost }, `${median(ashore).toFixed(0)} and ${median(peer).toFixed(0)} ms`);
}
