/**
 * Requests per second of the edge on a model of two operations, against fastify + TF.js in one thread: 16 connections,
 * alternating rounds in one run, each server a process of its own, the load from this process.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import autocannon from "autocannon";
import { writeLinearModel } from "../test/support/make-model.ts";
import { ROOT } from "../test/support/root.ts";
import { answersWith, LINEAR_BODY, openWorkshop } from "../test/support/workshop.ts";
import { median, printRatio } from "./support/ratios.ts";

const ROUNDS = 5;
const SECONDS = 3;
const workshop = await openWorkshop();
const peer = await startPeer();

async function startPeer(): Promise<{ readonly url: string; stop(): void }> {
  await writeLinearModel(workshop.path("peer"), 0.5, 2);
  const script = join(ROOT, "bench/support/fastify-peer.mjs");
  const child = spawn(process.execPath, [script, workshop.path("peer")], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { url: line.replace(/^.* on /, ""), stop: () => child.kill() };
}

async function requestsPerSecond(url: string, seconds: number): Promise<number> {
  const result = await autocannon({ url: `${url}/v1/models/line:predict`, method: "POST", body: LINEAR_BODY, headers: { "content-type": "application/json" }, connections: 16, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} answers were not 2xx, ${result.errors} failed`);
  return result.requests.average;
}

try {
  await workshop.drop("line", 1, (folder) => writeLinearModel(folder, 0.5, 2));
  const server = await workshop.serve("--no-inference", "--model_name", "line", "--model_base_path", workshop.path("models", "line"));
  const edge = await workshop.edge(server.url);
  await answersWith(edge.url, "line", 1);
  await server.stop();
  const candidates = { edge: edge.url, peer: peer.url };
  const rates: Record<string, number[]> = { edge: [], peer: [] };
  for (const url of Object.values(candidates)) await requestsPerSecond(url, SECONDS);
  for (let round = 0; round < ROUNDS; round++) {
    const order = Object.entries(candidates);
    for (const [name, url] of round % 2 === 0 ? order : order.toReversed()) rates[name]?.push(await requestsPerSecond(url, SECONDS));
  }
  const [ours, theirs] = [median(rates["edge"] ?? []), median(rates["peer"] ?? [])];
  printRatio("edge requests/s / fastify + TF.js", ours / theirs, { atLeast: 0.95 }, `${ours.toFixed(0)} and ${theirs.toFixed(0)} requests/s`);
} finally {
  peer.stop();
  await workshop.close();
}
