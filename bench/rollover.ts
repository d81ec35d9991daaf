/**
 * What a user's requests feel of a new version. Two connections ask a model of 26 MB whose inference takes some 200 ms and
 * more; p99 from the publish of its version 2 to 1 s after the first new answer, over p99 while *another* model of the same
 * size is published. Three rounds, medians.
 */
import { writeFile } from "node:fs/promises";
import { writeHeavyModel } from "../test/support/make-model.ts";
import { createRestClient, until, type Answer } from "../test/support/rest-client.ts";
import { answersWith, openWorkshop } from "../test/support/workshop.ts";
import { median, percentile, printRatio } from "./support/ratios.ts";

const ROUNDS = 3;
const SIZE = { layers: 6, width: 1024, rows: 384 };
const BODY = '{"inputs":[1,1]}';
const workshop = await openWorkshop();

interface Timed extends Answer {
  readonly end: number;
}

try {
  const publish = (model: string, version: number): Promise<void> => workshop.drop(model, version, (folder) => writeHeavyModel(folder, { ...SIZE, seed: version }));
  await publish("asked", 1);
  await publish("other", 1);
  await writeFile(workshop.path("config.yaml"), ["asked", "other"].map((model) => `  - model: ${model}\n    base_path: ${workshop.path("models", model)}\n`).join("").replace(/^/, "models:\n"));
  const server = await workshop.serve("--no-inference", "--config", workshop.path("config.yaml"));
  const edge = await workshop.edge(server.url);
  const started = performance.now();
  await answersWith(edge.url, "asked", 1, BODY);
  await answersWith(edge.url, "other", 1, BODY);
  console.log(`both models there after ${((performance.now() - started) / 1000).toFixed(1)} s`);

  const first = createRestClient(edge.url);
  console.log(`one inference alone: ${median((await Promise.all([0, 1, 2].map(() => first.post("/v1/models/asked:predict", BODY)))).map(({ ms }) => ms)).toFixed(0)} ms`);
  first.close();

  let on = true;
  const answers: Timed[] = [];
  const lanes = Array.from({ length: 2 }, async () => {
    const client = createRestClient(edge.url);
    while (on) {
      const answer = await client.post("/v1/models/asked:predict", BODY);
      answers.push({ ...answer, end: performance.now() });
    }
    client.close();
  });

  /** Latencies of requests that ended while `act` ran and in the second after it. */
  const during = async (act: () => Promise<void>): Promise<number[]> => {
    const start = performance.now();
    await act();
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return answers.filter(({ end }) => end >= start).map(({ ms }) => ms);
  };

  const ratios: number[] = [];
  for (let version = 2; version < 2 + ROUNDS; version++) {
    const base = await during(async () => {
      await publish("other", version);
      await answersWith(edge.url, "other", version, BODY);
    });
    const own = await during(async () => {
      await publish("asked", version);
      await until(async () => answers.at(-1)?.headers["x-ashore-model-version"], (now) => now === String(version), 120);
    });
    ratios.push(percentile(own, 0.99) / percentile(base, 0.99));
    console.log(`round ${version - 1}: p99 ${percentile(own, 0.99).toFixed(0)} ms of ${own.length} requests, beside another model's publish ${percentile(base, 0.99).toFixed(0)} ms of ${base.length}`);
  }
  on = false;
  await Promise.all(lanes);
  const failed = answers.filter(({ status }) => status !== 200).length;
  printRatio("rollover p99 / p99 beside another model's publish", median(ratios), { atMost: 1.5 }, `${answers.length} requests, ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
} finally {
  await workshop.close();
}
