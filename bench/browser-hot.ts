/**
 * What a prediction costs once everything is loaded, in Chromium. Engine: what the engine adds to `model.execute` and `data()` in
 * one realm. Hot: a page's `predict()` through the service worker beside the same in a plain TF.js page, the tensors' way to the
 * worker and back included. Large tensor: `predict()` of 224x224x3 numbers by message, beside the same
 * numbers as JSON through the worker's REST API. Asset: how long a file of the site takes that is asked for while the service worker
 * computes, and whether it came before the inference ended. Blocks alternate; ratios of medians.
 */
import { bundle } from "../test/support/chromium.ts";
import { writeHeavyModel } from "../test/support/make-model.ts";
import { packModel } from "../test/support/pack-model.ts";
import { openBrowserBench, query, visit, type BenchModel } from "./support/browser-bench.ts";
import { median, printRatio } from "./support/ratios.ts";

const MODELS: readonly (BenchModel & { readonly calls: number })[] = [
  { name: "facemesh", input: "input_1", shape: [1, 192, 192, 3], calls: 40 },
  { name: "centernet", input: "tower_0/images", shape: [1, 512, 512, 3], calls: 5 },
];
const BLOCKS = 10;

const bench = await openBrowserBench(MODELS, {
  models: {
    average: (folder) => writeHeavyModel(folder, { layers: 1, width: 8, rows: 8, seed: 1 }),
    slow: (folder) => writeHeavyModel(folder, { layers: 6, width: 1024, rows: 2048, seed: 2 }),
  },
  files: { "/asset.txt": { body: "an asset of the site", type: "text/plain" } },
});
try {
  for (const model of MODELS) await engine(model);
  for (const model of MODELS) await hot(model);
  await largeTensor();
  await asset();
} finally {
  await bench.close();
}

async function engine({ name, input, shape, calls }: BenchModel & { readonly calls: number }): Promise<void> {
  const model = await packModel(bench.modelJson(name));
  const parts = { graph: `/part/${name}/graph`, index: `/part/${name}/index`, shards: model.shards.map((_, i) => `/part/${name}/${i}`) };
  const put = (path: string, body: Uint8Array): void => bench.site.put(path, { body, type: "application/octet-stream" });
  put(parts.graph, model.graph);
  put(parts.index, model.index);
  model.shards.forEach((shard, i) => put(parts.shards[i] ?? "", shard));
  bench.site.put("/engine-hot.js", { body: await bundle("bench/support/page/engine-hot.ts", { format: "iife", minify: true }), type: "text/javascript" });
  const context = await bench.browser.newContext();
  try {
    const page = await context.newPage();
    await page.goto(`${bench.site.url}/`);
    await page.addScriptTag({ url: "/engine-hot.js" });
    const question = { modelUrl: `/peer/models/${name}/1/model.json`, wasmPath: "/peer/", parts, input, shape, blocks: BLOCKS, calls };
    const times = await page.evaluate<{ ashore: number[]; peer: number[] }>(`measure(${JSON.stringify(question)})`);
    printRatio(`engine in one realm, ${name}: ashore / model.execute`, median(times.ashore) / median(times.peer), { atMost: 1.03 }, `${median(times.ashore).toFixed(1)} and ${median(times.peer).toFixed(1)} ms`);
  } finally {
    await context.close();
  }
}

async function hot(model: BenchModel & { readonly calls: number }): Promise<void> {
  const context = await bench.browser.newContext();
  try {
    const pages = {
      ashore: (await visit(context, `${bench.site.url}/ashore.html${query(model)}`)).page,
      peer: (await visit(context, `${bench.site.url}/tfjs.html${query(model)}`)).page,
    };
    const times = { ashore: [] as number[], peer: [] as number[] };
    for (let block = 0; block < BLOCKS; block++) {
      for (const way of block % 2 === 0 ? (["ashore", "peer"] as const) : (["peer", "ashore"] as const)) {
        await pages[way].bringToFront();
        const took = await pages[way].evaluate<number[]>(timed("ask()", model.calls));
        if (block > 0) times[way].push(...took);
      }
    }
    printRatio(`hot predict, ${model.name}: ashore / model.execute`, median(times.ashore) / median(times.peer), { atMost: 1.03 }, `${median(times.ashore).toFixed(1)} and ${median(times.peer).toFixed(1)} ms`);
  } finally {
    await context.close();
  }
}

async function largeTensor(): Promise<void> {
  const context = await bench.browser.newContext();
  try {
    const { page } = await visit(context, `${bench.site.url}/ashore.html?model=average&input=x&shape=${224 * 224 * 3}`);
    await page.evaluate("globalThis.body = JSON.stringify({ inputs: Array.from({ length: 224 * 224 * 3 }, Math.random) })");
    const json = `fetch("/v1/models/average:predict", { method: "POST", body }).then((answer) => answer.json())`;
    const times = { message: [] as number[], json: [] as number[] };
    for (let block = 0; block < BLOCKS; block++) {
      const [message, rest] = [await page.evaluate<number[]>(timed("ask()", 20)), await page.evaluate<number[]>(timed(json, 5))];
      if (block === 0) continue;
      times.message.push(...message);
      times.json.push(...rest);
    }
    printRatio("224x224x3 tensor: predict() / JSON through the worker", median(times.message) / median(times.json), { atMost: 0.05 }, `${median(times.message).toFixed(1)} and ${median(times.json).toFixed(1)} ms`);
  } finally {
    await context.close();
  }
}

async function asset(): Promise<void> {
  // No page lends a worker here: the inference is in the service worker itself.
  bench.site.setBetween((path) => (path.startsWith("/ashore/worker.js") ? { status: 404 } : undefined));
  const context = await bench.browser.newContext();
  try {
    const { page } = await visit(context, `${bench.site.url}/ashore.html?model=slow&input=x&shape=2`);
    const rounds: { readonly asset: number; readonly inference: number }[] = [];
    for (let i = 0; i < 6; i++) {
      const round = await page.evaluate<{ asset: number; inference: number }>(`(async () => {
        const start = performance.now();
        const inference = ask().then(() => performance.now() - start);
        await new Promise((resolve) => setTimeout(resolve, 100));
        const asked = performance.now();
        await fetch("/asset.txt?" + asked).then((answer) => answer.text());
        const asset = performance.now() - asked;
        return { asset, inference: await inference };
      })()`);
      if (i > 0) rounds.push(round);
    }
    const [took, inference] = [median(rounds.map((round) => round.asset)), median(rounds.map((round) => round.inference))];
    const late = rounds.filter((round) => round.asset + 100 >= round.inference).length;
    console.log(`${took <= 50 && late === 0 && inference >= 500 ? "ok  " : "MISS"} an asset during an inference of ${inference.toFixed(0)} ms in the service worker: ${took.toFixed(1)} ms (goal <= 50); ${late} of ${rounds.length} came after the inference`);
  } finally {
    await context.close();
    bench.site.setBetween(undefined);
  }
}

/** An expression for the milliseconds of each of `count` calls, one after the other. */
function timed(call: string, count: number): string {
  return `(async () => { const times = []; for (let i = 0; i < ${count}; i++) { const start = performance.now(); await ${call}; times.push(performance.now() - start); } return times; })()`;
}
