import { mkdtemp, rm } from "node:fs/promises";
import { request, type ClientRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type Edge, type EdgeOptions } from "../../../edge/index.ts";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { DEFAULT_BATCHING } from "../../../protocol/batching.ts";
import { asAshoreError } from "../../../protocol/errors.ts";
import type { EngineHost } from "../../../runtime/ports.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { createRestClient } from "../../support/rest-client.ts";
import { testServer } from "../runtime/device.ts";

/** Every request has a deadline, and what ends it reaches the engine's queue, over HTTP and with batches. */

let publishing: Publishing;
let folder: string;
const edges: Edge[] = [];

beforeAll(async () => {
  publishing = await startPublishing();
  await writeLinearModel(publishing.folder("line/1"), 2, 1);
  await publishing.publish("line", 1);
  folder = await mkdtemp(join(tmpdir(), "ashore-deadlines-"));
});
afterEach(async () => {
  for (const edge of edges.splice(0)) await edge.close({ drainMs: 0 });
});
afterAll(async () => {
  await publishing.close();
  await rm(folder, { recursive: true });
});

/** An engine that, once it hangs, computes nothing and ends a run only by its signal. */
function hangingEngine() {
  const engine = createInProcessEngineHost({ backends: ["cpu"] });
  const state = { hangs: false, rows: [] as (number | undefined)[], ended: [] as string[] };
  const host: EngineHost = {
    backends: engine.backends,
    close: () => engine.close(),
    load: async (bytes, options) => {
      const model = await engine.load(bytes, options);
      return {
        backend: model.backend,
        lost: model.lost,
        close: () => model.close(),
        run: (feeds, fetches, runOptions = {}) => {
          if (!state.hangs) return model.run(feeds, fetches, runOptions);
          const { signal } = runOptions;
          state.rows.push(Object.values(feeds)[0]?.shape[0]);
          return new Promise((_, reject) => {
            const end = (): void => {
              const reason = asAshoreError(signal?.reason);
              state.ended.push(reason.code);
              reject(reason);
            };
            if (signal?.aborted === true) end();
            else signal?.addEventListener("abort", end, { once: true });
          });
        },
      };
    },
  };
  return { host, state };
}

async function hangingEdge(name: string, options: Partial<EdgeOptions>) {
  const { host, state } = hangingEngine();
  const edge = await startEdge({ server: "http://server.test", dataDir: join(folder, name), port: 0, fetch: testServer(publishing).fetch, pollSeconds: 3600, ports: { engine: host }, ...options });
  edges.push(edge);
  state.hangs = true;
  return { url: edge.url, state };
}

const BODY = '{"instances":[1,2]}';
const PREDICT = "/v1/models/line:predict";

describe.each([
  ["each request by itself", undefined],
  ["in batches", { ...DEFAULT_BATCHING, maxBatchSize: 4 }],
])("%s", (how, batching) => {
  const name = how.replaceAll(" ", "-");

  test("one that takes too long is 504 with words, and its run is ended", async () => {
    const { url, state } = await hangingEdge(`late-${name}`, { timeoutMs: 30, batching });
    const client = createRestClient(url);
    const answer = await client.post(PREDICT, BODY);
    expect([answer.status, JSON.parse(answer.body)]).toEqual([504, { error: "The request did not end within 30 ms." }]);
    await expect.poll(() => state.ended).toHaveLength(1);
    const metrics = await client.get("/monitoring/prometheus/metrics");
    expect(metrics.body).toContain(':tensorflow:serving:request_count{model_name="line",status="DEADLINE_EXCEEDED"} 1');
    client.close();
  });

  test("one whose client goes away is ended, without a timeout too", async () => {
    const { url, state } = await hangingEdge(`gone-${name}`, { timeoutMs: 0, batching });
    const outgoing = request(new URL(PREDICT, url), { method: "POST" });
    outgoing.on("error", () => undefined);
    outgoing.end(BODY);
    await expect.poll(() => state.rows).toEqual([2]);
    outgoing.destroy();
    await expect.poll(() => state.ended).toHaveLength(1);
  });
});

test("one that waits for its batch leaves the line when its client goes away, and never runs", async () => {
  const { url, state } = await hangingEdge("queue", { timeoutMs: 0, batching: DEFAULT_BATCHING });
  const send = (body: string): ClientRequest => {
    const outgoing = request(new URL(PREDICT, url), { method: "POST" });
    outgoing.on("error", () => undefined);
    outgoing.end(body);
    return outgoing;
  };
  const client = createRestClient(url);
  const entered = async (): Promise<string | undefined> => /batching_session:input_batch_size_count\{\} (\d+)/.exec((await client.get("/monitoring/prometheus/metrics")).body)?.[1];
  // One request more than run at a time: the last of them waits.
  const sent: ClientRequest[] = [];
  const ask = async (): Promise<void> => {
    sent.push(send(JSON.stringify({ instances: Array.from({ length: sent.length + 1 }, () => 1) })));
    await expect.poll(entered).toBe(String(sent.length));
  };
  do await ask();
  while (state.rows.length === sent.length);
  const running = [...state.rows];
  sent.at(-1)?.destroy();
  await ask();
  sent[0]?.destroy();
  await expect.poll(() => state.rows).toEqual([...running, running.length + 2]);
  for (const outgoing of sent) outgoing.destroy();
  await expect.poll(() => state.ended).toEqual(state.rows.map(() => "CANCELLED"));
  client.close();
});
