/**
 * What batching brings to 64 callers that each ask for one image of a small CNN (the demo's digits, 28 x 28, on wasm), and what
 * it costs one caller by itself. First at the edge's runtime, two of them in this process with an engine thread each, one with
 * batching; then over HTTP, two edges that are processes of their own, where reading JSON is most of the work. Alternating
 * rounds in one run.
 */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import autocannon from "autocannon";
import { createEdgeRuntime, type EdgeRuntime } from "../edge/index.ts";
import type { ModelName } from "../protocol/names.ts";
import { mulberry32 } from "../protocol/self-test.ts";
import { createBatching, type BatchingMetrics } from "../runtime/index.ts";
import { until } from "../test/support/rest-client.ts";
import { ROOT } from "../test/support/root.ts";
import { answersWith, openWorkshop } from "../test/support/workshop.ts";
import { median, percentile, printRatio } from "./support/ratios.ts";

const ROUNDS = 5;
const MS = 2_000;
const CALLERS = 64;
const NAMES = ["plain", "batched"] as const;
const MODEL = "digits" as ModelName;
const workshop = await openWorkshop();

const random = mulberry32(1);
const images = Array.from({ length: CALLERS }, () => Float32Array.from({ length: 28 * 28 }, random));
const BODY = JSON.stringify({ instances: [Array.from({ length: 28 }, () => Array.from({ length: 28 }, () => [Math.round(random() * 255) / 255]))] });

interface Side {
  readonly rates: number[];
  readonly alone: number[];
}
const sides = (): Record<(typeof NAMES)[number], Side> => ({ plain: { rates: [], alone: [] }, batched: { rates: [], alone: [] } });

/** Each side once a round, in turns. */
async function rounds(measure: (name: (typeof NAMES)[number], side: Side) => Promise<void>): Promise<ReturnType<typeof sides>> {
  for (const name of NAMES) await measure(name, sides()[name]);
  const measured = sides();
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round % 2 === 0 ? NAMES : NAMES.toReversed()) await measure(name, measured[name]);
  }
  return measured;
}

/** Milliseconds of every answer to so many callers, each of whom asks again when it has its answer. */
async function ask({ runtime }: EdgeRuntime, callers: number): Promise<readonly number[]> {
  const latencies: number[] = [];
  const end = performance.now() + MS;
  await Promise.all(
    images.slice(0, callers).map(async (data) => {
      for (let began = performance.now(); began < end; began = performance.now()) {
        await runtime.predict({ model: MODEL, inputs: { image: { dtype: "float32", shape: [1, 28, 28, 1], data } } });
        latencies.push(performance.now() - began);
      }
    }),
  );
  return latencies;
}

async function requestsPerSecond(url: string): Promise<number> {
  const result = await autocannon({ url: `${url}/v1/models/${MODEL}:predict`, method: "POST", body: BODY, headers: { "content-type": "application/json" }, connections: CALLERS, duration: MS / 1000 });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} failed`);
  return result.requests.average;
}

try {
  await workshop.drop(MODEL, 1, (folder) => cp(join(ROOT, `demo/models/${MODEL}/1`), folder, { recursive: true }));
  const server = await workshop.serve("--no-inference", "--model_name", MODEL, "--model_base_path", workshop.path("models", MODEL));
  const edges = { plain: await workshop.edge(server.url), batched: await workshop.edge(server.url, "--data", workshop.path("batched"), "--enable_batching=true") };
  for (const { url } of Object.values(edges)) await answersWith(url, MODEL, 1, BODY);

  const sizes: number[] = [];
  const metrics: BatchingMetrics = { now: () => performance.now(), entered: () => undefined, waited: () => undefined, ran: (rows) => void sizes.push(rows) };
  const open = (folder: string, batching?: ReturnType<typeof createBatching>): Promise<EdgeRuntime> => createEdgeRuntime({ server: server.url, dataDir: workshop.path(folder), batching });
  const runtimes = { plain: await open("runtime"), batched: await open("batched-runtime", createBatching({}, metrics)) };
  for (const { runtime } of Object.values(runtimes)) {
    await runtime.start();
    await until(async () => runtime.models(), ([model]) => model?.latest === 1);
  }
  await server.stop();

  const { plain, batched } = await rounds(async (name, { rates, alone }) => {
    rates.push((1000 * (await ask(runtimes[name], CALLERS)).length) / MS);
    if (name === "batched") console.log(`batches of ${median(sizes.splice(0))} rows`);
    alone.push(percentile(await ask(runtimes[name], 1), 0.5));
    sizes.length = 0;
  });
  for (const one of Object.values(runtimes)) await one.close();
  const [many, few] = [median(batched.rates), median(plain.rates)];
  printRatio(`answers/s to ${CALLERS} callers, batched / not`, many / few, { atLeast: 3 }, `${many.toFixed(0)} and ${few.toFixed(0)} answers/s`);
  const [late, soon] = [median(batched.alone), median(plain.alone)];
  printRatio("p50 of one caller, batched / not", late / soon, { atMost: 2 }, `${late.toFixed(3)} and ${soon.toFixed(3)} ms`);

  const http = await rounds(async (name, { rates }) => void rates.push(await requestsPerSecond(edges[name].url)));
  console.log(`over HTTP, ${CALLERS} connections: ${median(http.batched.rates).toFixed(0)} requests/s batched, ${median(http.plain.rates).toFixed(0)} not`);
} finally {
  await workshop.close();
}
