import { mkdtemp, rm } from "node:fs/promises";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type Edge, type EdgeOptions } from "../../../edge/index.ts";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { EngineHost } from "../../../runtime/ports.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { createRestClient } from "../../support/rest-client.ts";
import { testServer, type TestServer } from "../runtime/device.ts";

let publishing: Publishing;
let server: TestServer;
let folder: string;
const edges: Edge[] = [];

beforeAll(async () => {
  publishing = await startPublishing();
  await writeLinearModel(publishing.folder("line/1"), 2, 1);
  await publishing.publish("line", 1);
  server = testServer(publishing);
  folder = await mkdtemp(join(tmpdir(), "ashore-edge-"));
});
afterEach(async () => {
  for (const edge of edges.splice(0)) await edge.close();
  server.online = true;
});
afterAll(async () => {
  await publishing.close();
  await rm(folder, { recursive: true });
});

async function edgeIn(name: string, options: Partial<EdgeOptions> = {}): Promise<Edge> {
  const edge = await startEdge({ server: "http://server.test", dataDir: join(folder, name), port: 0, fetch: server.fetch, pollSeconds: 3600, ...options });
  edges.push(edge);
  return edge;
}

const inProcess = (): EngineHost => createInProcessEngineHost({ backends: ["cpu"] });
const BODY = '{"instances":[1,2]}';

describe("an edge", () => {
  test("answers over HTTP from an engine thread, and again after a restart without the server", async () => {
    const first = await edgeIn("threads");
    const client = createRestClient(first.url);
    const answer = await client.post("/v1/models/line:predict", BODY);
    expect(answer).toMatchObject({ status: 200, headers: { "x-ashore-model-version": "1", "x-ashore-served-by": "device", "content-type": "application/json", "content-length": String(answer.body.length) } });
    expect(JSON.parse(answer.body)).toEqual({ predictions: [3, 5] });
    client.close();
    await edges.pop()?.close();

    server.online = false;
    const again = await edgeIn("threads");
    const second = createRestClient(again.url);
    expect(JSON.parse((await second.post("/v1/models/line:predict", BODY)).body)).toEqual({ predictions: [3, 5] });
    second.close();
  });

  test("says whether it lives, whether it is ready, and what it counted", async () => {
    const edge = await edgeIn("health", { ports: { engine: inProcess() } });
    const client = createRestClient(edge.url);
    await client.post("/v1/models/line:predict", BODY);
    await client.post("/v1/models/none:predict", BODY);
    expect((await client.get("/healthz")).status).toBe(200);
    const ready = await client.get("/readyz");
    expect([ready.status, JSON.parse(ready.body)]).toEqual([200, { ready: true, models: [{ name: "line", ready: true, versions: [{ version: 1, state: "AVAILABLE" }] }] }]);
    const { body } = await client.get("/monitoring/prometheus/metrics");
    expect(body).toContain(':tensorflow:serving:request_count{model_name="line",status="OK"} 1');
    expect(body).toContain(':tensorflow:serving:request_count{model_name="none",status="NOT_FOUND"} 1');
    expect(body).toMatch(/:tensorflow:serving:request_latency_count\{model_name="line",API="predict",entrypoint="REST"\} 1/);
    expect(body).toContain('ashore_predict_requests_total{model_name="line",version="1",signature_def="serving_default",status="OK"} 1');
    expect(body).toContain('ashore_version_state{model_name="line",version="1",state="AVAILABLE"} 1');
    expect(body).toMatch(/:tensorflow:serving:runtime_latency_count\{model_name="line",API="Predict",runtime="TFJS"\} 1/);
    expect(await client.get("/monitoring/prometheus/metrics?x")).toMatchObject({ status: 400, body: "Unexpected path: /monitoring/prometheus/metrics?x Should be /monitoring/prometheus/metrics" });
    expect((await client.get("/other")).status).toBe(404);
    client.close();
  });

  test("has its metrics where it is told, or nowhere", async () => {
    const moved = createRestClient((await edgeIn("moved", { metricsPath: "/v1/metrics", ports: { engine: inProcess() } })).url);
    expect((await moved.get("/v1/metrics")).body).toMatch(/^process_cpu_seconds_total /m);
    expect(await moved.get("/monitoring/prometheus/metrics")).toMatchObject({ status: 404, headers: { "content-type": "text/html" } });
    moved.close();
    const none = createRestClient((await edgeIn("none", { metricsPath: null, ports: { engine: inProcess() } })).url);
    expect((await none.get("/monitoring/prometheus/metrics")).status).toBe(404);
    none.close();
  });

  test("with nothing held is alive and not ready", async () => {
    server.online = false;
    const edge = await edgeIn("empty", { ports: { engine: inProcess() } });
    const client = createRestClient(edge.url);
    expect((await client.get("/healthz")).status).toBe(200);
    expect((await client.get("/readyz")).status).toBe(503);
    expect(await client.post("/v1/models/line:predict", BODY)).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    client.close();
  });

  test("keeps a connection through many requests, malformed ones among them", async () => {
    const edge = await edgeIn("health", { ports: { engine: inProcess() } });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    for (const [path, body, status] of [["/v1/models/line:predict", BODY, 200], ["/v1/models/line:predict", "{", 400], ["/v1/models/line:nothing", BODY, 400], ["/v1/models/line:predict", BODY, 200]] as const) {
      const got = await new Promise<number | undefined>((resolve, reject) => {
        const outgoing = request(new URL(path, edge.url), { method: "POST", agent }, (incoming) => incoming.resume().once("end", () => resolve(incoming.statusCode)));
        outgoing.once("socket", (socket) => sockets.add(socket));
        outgoing.once("error", reject);
        outgoing.end(body);
      });
      expect(got).toBe(status);
    }
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  test("refuses a body beyond the limit by its length, before it comes", async () => {
    const edge = await edgeIn("health", { ports: { engine: inProcess() } });
    const answered = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = request(new URL("/v1/models/line:predict", edge.url), { method: "POST", headers: { "content-length": LIMITS.requestBodyBytes + 1 } }, (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode);
        outgoing.destroy();
      });
      outgoing.once("error", reject);
      outgoing.flushHeaders();
    });
    expect(answered).toBe(429);
  });

  test("closing lets a request under way end, with `connection: close`, and takes no new ones", async () => {
    let release: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const running = new Promise<void>((resolve) => (begun = resolve));
    const held = new Promise<void>((resolve) => (release = resolve));
    const engine = inProcess();
    let isSlow = false;
    const slow: EngineHost = {
      backends: engine.backends,
      load: async (bytes, options) => {
        const model = await engine.load(bytes, options);
        return {
          backend: model.backend,
          lost: model.lost,
          close: () => model.close(),
          run: async (feeds, fetches, runOptions) => {
            if (isSlow) {
              begun();
              await held;
            }
            return await model.run(feeds, fetches, runOptions);
          },
        };
      },
      close: () => engine.close(),
    };
    const edge = await edgeIn("drain", { ports: { engine: slow } });
    isSlow = true;
    const client = createRestClient(edge.url);
    const waiting = client.post("/v1/models/line:predict", BODY);
    await running;
    const closed = edges.pop()?.close();
    await expect(createRestClient(edge.url).get("/healthz")).rejects.toMatchObject({ code: "ECONNREFUSED" });
    release();
    expect(await waiting).toMatchObject({ status: 200, headers: { connection: "close" } });
    await closed;
    client.close();
  });

  test("a taken port is said, and everything is freed", async () => {
    const edge = await edgeIn("port", { ports: { engine: inProcess() } });
    const port = Number(new URL(edge.url).port);
    const second = { server: "http://server.test", dataDir: join(folder, "other"), port, fetch: server.fetch, ports: { engine: inProcess() } };
    await expect(startEdge(second)).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await (await startEdge({ ...second, port: 0 })).close();
  });
});
