import { afterEach, describe, expect, test } from "vitest";
import { nodeClock } from "../../../edge/node-clock.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import { asAshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { Manifest, SignatureDef } from "../../../protocol/manifest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { InferenceTime, Manager } from "../../../runtime/activate/index.ts";
import { createRestCore, toFetchHandler, type RequestRecord, type RestCore, type RestCoreOptions } from "../../../runtime/predict/index.ts";
import { fakeEngine } from "../activate/fake-engine.ts";

const info = (name: string, dtype: SignatureDef["inputs"][string]["dtype"]): SignatureDef["inputs"][string] => ({ name: `${name}:0`, dtype, shape: [-1] });
const DEFS: Record<string, SignatureDef> = {
  serving_default: { methodName: "tensorflow/serving/predict", inputs: { x: info("x", "float32") }, outputs: { y: info("y", "float32") } },
  ids: { methodName: "tensorflow/serving/predict", inputs: { id: info("id", "int64") }, outputs: { id: info("out", "int64") } },
  classes: { methodName: "", inputs: { inputs: info("examples", "string") }, outputs: { scores: info("scores", "float32") } },
  numbers: { methodName: "", inputs: { inputs: info("examples", "string") }, outputs: { outputs: info("outputs", "float32") } },
  nothing: { methodName: "", inputs: {}, outputs: { y: info("y", "float32") } },
};
const MANIFEST: Manifest = { schemaVersion: 1, model: modelName("m"), version: version(1), created: "2026-01-01T00:00:00Z", signatureDefs: DEFS, assets: [], selfTest: null, warmup: [], variants: [] };

interface Bench extends RestCore {
  ask(method: string, target: string, body?: string, headers?: Record<string, string>): Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }>;
  readonly manager: Manager;
}

const cores: RestCore[] = [];
afterEach(() => {
  for (const core of cores.splice(0)) core.close();
});

/** Models that answer each input as it is, by the names of their outputs. */
async function bench(models: Readonly<Record<string, readonly number[]>>, options: Partial<RestCoreOptions> & { compute?: (feeds: NamedTensors) => Promise<NamedTensors> } = {}): Promise<Bench> {
  const echo = async (feeds: NamedTensors): Promise<NamedTensors> => {
    const [tensor] = Object.values(feeds);
    return tensor === undefined ? {} : { "y:0": tensor, "out:0": tensor };
  };
  const engine = fakeEngine({ compute: options.compute ?? echo });
  const manager = new Manager({
    load: async (model, { version: number, digest }, { signal }) => ({
      model,
      version: number,
      digest,
      manifest: MANIFEST,
      backend: "wasm",
      hosted: await engine.load({ graph: new Uint8Array(), index: new Uint8Array(), shards: [] }, { backend: "wasm", signal }),
      time: new InferenceTime(nodeClock),
    }),
    clock: nodeClock,
    report: () => undefined,
    beforeLatest: async () => undefined,
    onFailed: () => undefined,
  });
  for (const [name, versions] of Object.entries(models)) {
    const aspired = versions.map((n) => ({ version: version(n), digest: digestOfHex(n.toString(16).padStart(64, "0")) }));
    manager.setAspired(modelName(name), { aspired, blocked: new Set(), labels: versions.length > 1 ? { stable: version(1) } : {}, latestFloor: 0 });
  }
  manager.complete();
  await manager.settled();
  const core = createRestCore({ manager, clock: nodeClock, ...options });
  cores.push(core);
  return {
    ...core,
    manager,
    ask: async (method, target, body = "", headers = {}) => {
      const answer = await core.handle({ method, target, headers, body: () => new TextEncoder().encode(body) });
      return { status: answer.status, headers: answer.headers, text: typeof answer.body === "string" ? answer.body : new TextDecoder().decode(answer.body) };
    },
  };
}
const errorOf = (text: string): string => (JSON.parse(text) as { error: string }).error;

describe("URLs (spec 1.2)", () => {
  test.each([
    ["POST", "/v1/models/m:predict", 200, "2"],
    ["POST", "/v1/models/m/versions/001:predict", 200, "1"],
    ["POST", "/v1/models/m/labels/stable:predict", 200, "1"],
    ["POST", "/v1/models/m/versions/7/labels/x:predict", 400, "Malformed request: POST /v1/models/m/versions/7/labels/x:predict"],
    ["POST", "/v1/models/m:predict?x=1", 400, "Malformed request: POST /v1/models/m:predict?x=1"],
    ["POST", "/v1/models/m:multiInference", 400, "Malformed request: POST /v1/models/m:multiInference"],
    ["POST", "/v1/models/m/versions/7:predict", 404, "Servable not found for request: Specific(m, 7)"],
    ["POST", "/v1/models/n:predict", 404, "Servable not found for request: Latest(n)"],
    ["POST", "/v1/models/a%2Fb:predict", 404, "Servable not found for request: Latest(a/b)"],
    ["POST", "/v1/models/m/labels/x:predict", 400, "Unrecognized servable version label: x"],
    ["GET", "/v1/models/m:predict", 400, "Malformed request: GET /v1/models/m:predict"],
    ["GET", "/v1/models/m?x=1", 404, "Could not find any versions of model m?x=1"],
    ["GET", "/v1/models/m/versions/7", 404, "Could not find version 7 of model m"],
    ["GET", "/v1/models/n", 404, "Could not find any versions of model n"],
    ["GET", "/v1/models/m/versions/7/metadata", 404, "Servable not found for request: Specific(m, 7)"],
    ["DELETE", "/v1/models/m", 400, "Malformed request: DELETE /v1/models/m"],
  ])("%s %s", async (method, target, status, expected) => {
    const b = await bench({ m: [1, 2] });
    const answer = await b.ask(method, target, '{"instances":[1]}');
    expect(answer.status).toBe(status);
    if (status === 200) expect(answer.headers["x-ashore-model-version"]).toBe(expected);
    else expect(errorOf(answer.text)).toBe(expected);
  });

  test("a version beyond int64 is 400 without a body", async () => {
    const b = await bench({ m: [1] });
    expect(await b.ask("POST", "/v1/models/m/versions/99999999999999999999:predict", "{}")).toMatchObject({ status: 400, text: "" });
  });

  test("a path that is not the API's is an HTML 404", async () => {
    const b = await bench({ m: [1] });
    const answer = await b.ask("GET", "/");
    expect(answer).toMatchObject({ status: 404, headers: { "content-type": "text/html" } });
    expect(answer.text).toContain("<H1>Not Found</H1>");
  });
});

describe("which error wins (spec 2)", () => {
  test.each([
    ["JSON before the model", "n", "{", 400, "JSON Parse error: Missing a name for object member. at offset: 1"],
    ["the root before the model", "n", "[1, 2]", 400, "JSON Value: [1, 2] Is not object"],
    ["the type of signature_name before the model", "n", '{"signature_name":1}', 400, 'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. \'signature_name\' key must be a string value.'],
    ["the model before the signature def", "n", '{"signature_name":"s"}', 404, "Servable not found for request: Latest(n)"],
    ["the signature def before the keys", "m", '{"signature_name":"s"}', 400, 'Serving signature name: "s" not found in signature def'],
    ["inputs of the signature def before the keys", "m", '{"signature_name":"nothing"}', 400, "Failed to get input map for signature: nothing"],
    ["the keys", "m", "{}", 400, "Missing 'inputs' or 'instances' key"],
    ["an object's own property is no signature def", "m", '{"signature_name":"constructor"}', 400, 'Serving signature name: "constructor" not found in signature def'],
  ])("%s", async (_, model, body, status, message) => {
    const b = await bench({ m: [1] });
    const answer = await b.ask("POST", `/v1/models/${model}:predict`, body);
    expect([answer.status, errorOf(answer.text)]).toEqual([status, message]);
  });
});

describe("answers", () => {
  test("row and columnar form, with the headers that say who answered", async () => {
    const b = await bench({ m: [3] });
    const row = await b.ask("POST", "/v1/models/m:predict", '{"instances":[1,2.5]}');
    expect(row.text).toBe('{\n    "predictions": [1.0, 2.5\n    ]\n}');
    expect(row.headers).toEqual({ "content-type": "application/json", "x-ashore-served-by": "device", "x-ashore-model-version": "3" });
    expect(JSON.parse((await b.ask("POST", "/v1/models/m:predict", '{"inputs":[1,2.5]}')).text)).toEqual({ outputs: [1, 2.5] });
  });

  test("an error says its version where that is known", async () => {
    const b = await bench({ m: [3] });
    expect((await b.ask("POST", "/v1/models/m:predict", '{"instances":["a"]}')).headers["x-ashore-model-version"]).toBe("3");
    expect((await b.ask("POST", "/v1/models/m:predict", "{")).headers["x-ashore-model-version"]).toBeUndefined();
  });

  test("64-bit integers go through exactly where they fit the engine, and are refused by name where not", async () => {
    const b = await bench({ m: [1] });
    expect((await b.ask("POST", "/v1/models/m:predict", '{"signature_name":"ids","inputs":[2147483647,-2147483648]}')).text).toContain("2147483647");
    const refused = await b.ask("POST", "/v1/models/m:predict", '{"signature_name":"ids","instances":[1,9007199254740993]}');
    expect(refused.status).toBe(400);
    expect(errorOf(refused.text)).toContain("9007199254740993");
  });

  test("status, metadata and the list of models", async () => {
    const b = await bench({ m: [1, 2] });
    const status = JSON.parse((await b.ask("GET", "/v1/models/m")).text) as { model_version_status: { version: string; state: string }[] };
    expect(status.model_version_status.map(({ version: number, state }) => [number, state])).toEqual([["2", "AVAILABLE"], ["1", "AVAILABLE"]]);
    expect(JSON.parse((await b.ask("GET", "/v1/models/m/versions/1")).text)).toMatchObject({ model_version_status: [{ version: "1" }] });
    expect(JSON.parse((await b.ask("GET", "/v1/models/m/labels/any")).text)).toEqual(status);
    const metadata = await b.ask("GET", "/v1/models/m/labels/stable/metadata");
    expect(JSON.parse(metadata.text)).toMatchObject({ model_spec: { name: "m", version: "1" }, metadata: { signature_def: { signature_def: { ids: { inputs: { id: { dtype: "DT_INT64" } } } } } } });
    expect(JSON.parse((await b.ask("GET", "/v1/models")).text)).toMatchObject({ models: [{ name: "m" }] });
  });

  test("POST /predict is for a server with one model", async () => {
    const one = await bench({ m: [1] });
    expect(JSON.parse((await one.ask("POST", "/predict", '{"input":[1,2]}')).text)).toEqual({
      outputs: [{ name: "y", shape: [2], dtype: "float32", tensor: [1, 2] }],
      status: [{ state: "AVAILABLE", code: "OK" }],
    });
    expect((await (await bench({ m: [1], n: [1] })).ask("POST", "/predict", '{"input":[1]}')).status).toBe(404);
  });

  test("classify and regress: examples before the model, the model before the signature def", async () => {
    const scores: NamedTensors = { "scores:0": { dtype: "float32", shape: [2, 1], data: Float32Array.of(0.5, 0.25) }, "outputs:0": { dtype: "float32", shape: [2], data: Float32Array.of(3.5, 4) } };
    let fed: NamedTensors = {};
    const b = await bench({ m: [1] }, { compute: async (feeds) => ((fed = feeds), scores) });
    expect(errorOf((await b.ask("POST", "/v1/models/n:classify", "{}")).text)).toContain("key 'examples' is expected");
    expect((await b.ask("POST", "/v1/models/n:classify", '{"examples":[{}]}')).status).toBe(404);
    expect(errorOf((await b.ask("POST", "/v1/models/m:regress", '{"signature_name":"s","examples":[{}]}')).text)).toBe("No signature was found with the name: s");
    expect((await b.ask("POST", "/v1/models/m:classify", '{"examples":[{}]}')).status).toBe(400);
    const two = '"examples":[{"a":1.0},{"a":2.0}]}';
    expect(JSON.parse((await b.ask("POST", "/v1/models/m:classify", `{"signature_name":"classes",${two}`)).text)).toEqual({ results: [[["", 0.5]], [["", 0.25]]] });
    expect(fed["examples:0"]).toMatchObject({ dtype: "string", shape: [2] });
    const regressed = await b.ask("POST", "/v1/models/m:regress", `{"signature_name":"numbers",${two}`);
    expect([JSON.parse(regressed.text), regressed.headers["x-ashore-model-version"]]).toEqual([{ results: [3.5, 4] }, "1"]);
  });

  test("gzip bodies are unpacked, and bounded", async () => {
    const b = await bench({ m: [1] });
    const packed = async (text: string | Uint8Array<ArrayBuffer>): Promise<Uint8Array> => new Uint8Array(await new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer());
    const send = async (body: Uint8Array): Promise<number> => (await b.handle({ method: "POST", target: "/v1/models/m:predict", headers: { "content-encoding": "gzip" }, body: () => body })).status;
    expect(await send(await packed('{"instances":[1]}'))).toBe(200);
    expect(await send(new TextEncoder().encode("not gzip"))).toBe(400);
    expect(await send(await packed(new Uint8Array(LIMITS.requestBodyBytes + 1)))).toBe(429);
  });

  test("CORS is off, and on where it is asked for, on errors too", async () => {
    const off = await bench({ m: [1] });
    expect((await off.ask("OPTIONS", "/v1/models/m:predict", "", { origin: "https://a.example" }))).toEqual({ status: 200, headers: {}, text: "" });
    const on = await bench({ m: [1] }, { cors: true });
    expect((await on.ask("OPTIONS", "/v1/models/m:predict")).status).toBe(400);
    expect((await on.ask("POST", "/v1/models/n:predict", "{}")).headers["Access-Control-Allow-Origin"]).toBe("*");
  });
});

describe("time and cancelling", () => {
  const never = (): Promise<NamedTensors> => new Promise(() => undefined);

  test("an inference that takes too long is 504", async () => {
    const b = await bench({ m: [1] }, { timeoutMs: 20, compute: never });
    const waiting = b.handle({ method: "POST", target: "/v1/models/m:predict", body: () => new TextEncoder().encode('{"instances":[1]}') });
    expect((await waiting).status).toBe(504);
  });

  test("a client that goes away is 499", async () => {
    const b = await bench({ m: [1] }, { compute: never });
    const gone = new AbortController();
    const waiting = b.handle({ method: "POST", target: "/v1/models/m:predict", body: () => new TextEncoder().encode('{"instances":[1]}') }, { signal: gone.signal });
    gone.abort();
    expect((await waiting).status).toBe(499);
  });

  test("so is one of the platform's requests that is aborted, and its run is ended", async () => {
    let reason: unknown;
    const batching: RestCoreOptions["batching"] = (_servable, _signature, _feeds, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => {
          reason = asAshoreError(signal.reason);
          reject(asAshoreError(signal.reason));
        });
        gone.abort();
      });
    const b = await bench({ m: [1] }, { batching });
    const gone = new AbortController();
    const answer = await toFetchHandler(b)(new Request("http://device/v1/models/m:predict", { method: "POST", body: '{"instances":[1]}', signal: gone.signal }));
    expect([answer.status, reason]).toEqual([499, expect.objectContaining({ code: "CANCELLED" })]);
  });
});

test("metrics count by the models that there are, and time what succeeded", async () => {
  const records: RequestRecord[] = [];
  const ran: string[] = [];
  const b = await bench({ m: [1] }, { metrics: { now: () => performance.now(), request: (record) => void records.push(record), ran: (model, api, microseconds) => void ran.push(`${model} ${api} ${microseconds > 0}`) } });
  await b.ask("POST", "/v1/models/m:predict", '{"instances":[1]}');
  await b.ask("POST", "/v1/models/made-up:predict", '{"instances":[1]}');
  await b.ask("GET", "/v1/models/m");
  await b.ask("POST", "/v1/models/m:predict", '{"instances":["x"]}');
  await b.ask("POST", "/v1/models/m:predict", '{"signature_name":"made-up","instances":[1]}');
  expect(records.map(({ model, version: number, signatureDef, api, status }) => [model, number, signatureDef, api, status])).toEqual([
    ["m", 1, "serving_default", "predict", "OK"],
    [undefined, undefined, undefined, "predict", "NOT_FOUND"],
    ["m", undefined, undefined, "", "OK"],
    ["m", 1, "serving_default", "predict", "INVALID_ARGUMENT"],
    ["m", 1, undefined, "predict", "INVALID_ARGUMENT"],
  ]);
  expect(ran).toEqual(["m predict true"]);
});

test("the platform's own requests and responses", async () => {
  const b = await bench({ m: [1] });
  const fetch = toFetchHandler(b);
  const response = await fetch(new Request("http://device/v1/models/m:predict", { method: "POST", body: '{"instances":[5]}' }));
  expect([response.status, response.headers.get("x-ashore-model-version"), await response.json()]).toEqual([200, "1", { predictions: [5] }]);
  expect((await fetch(new Request("http://device/v1/models/m"))).status).toBe(200);
});
