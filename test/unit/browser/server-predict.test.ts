import { afterEach, expect, test, vi } from "vitest";
import { predictAtServer } from "../../../browser/server-predict.ts";
import { AshoreError } from "../../../protocol/errors.ts";

afterEach(() => vi.unstubAllGlobals());

const BLOB = { mediaType: "application/octet-stream", digest: `sha256:${"0".repeat(64)}`, size: 3, encodings: [{ codec: "identity", digest: `sha256:${"0".repeat(64)}`, size: 3 }] };
const FLOATS = { name: "x:0", dtype: "float32", shape: [-1] };
const MANIFEST = {
  schemaVersion: 1,
  model: "a",
  version: 3,
  created: "2026-01-01T00:00:00Z",
  signatureDefs: { serving_default: { methodName: "", inputs: { x: FLOATS }, outputs: { y: FLOATS } } },
  classes: { output: "y", names: "serving/classes.json" },
  assets: [{ path: "serving/classes.json", blob: BLOB }],
  selfTest: null,
  warmup: [],
  variants: [{ name: "default", format: "tfjs-graph-model", graph: BLOB, index: BLOB, shards: [] }],
};
const METADATA = { model_spec: { version: "3" }, metadata: { signature_def: { signature_def: { serving_default: { outputs: { y: { dtype: "DT_FLOAT" } } } } } } };

/** A server that gives these bodies, by path; 404 for any other. The bodies that it was sent come back. */
function server(answers: Readonly<Record<string, unknown>>): string[] {
  const bodies: string[] = [];
  vi.stubGlobal("fetch", async (url: string, init: RequestInit) => {
    if (typeof init.body === "string") bodies.push(init.body);
    const answer = answers[new URL(url).pathname];
    return new Response(JSON.stringify(answer ?? { error: "none" }), { status: answer === undefined ? 404 : 200 });
  });
  return bodies;
}

const PREDICT = { "/v1/models/a/metadata": METADATA, "/v1/models/a/versions/3:predict": { outputs: [0.25, 0.5] } };
const options = { server: "http://s/", instead: new AshoreError("UNAVAILABLE", "Not here."), encodeInput: async (value: unknown) => (value === "image" ? Uint8Array.of(1, 2, 3) : value) };

test("a server's answer has the names that its manifest leads to, as many as are asked for", async () => {
  server({ ...PREDICT, "/manifests/a/versions/3": MANIFEST, [`/blobs/sha256/${"0".repeat(64)}`]: ["off", "on"] });
  const answer = await predictAtServer({ model: "a", inputs: { x: [1] }, topK: 1 }, options);
  expect(answer).toMatchObject({ version: 3, servedBy: "server", classes: [[{ name: "on", score: 0.5 }]] });
});

test("and none where the server has none to say", async () => {
  server(PREDICT);
  const answer = await predictAtServer({ model: "a", inputs: { x: [1] } }, options);
  expect([answer.version, answer.classes]).toEqual([3, undefined]);
});

test("an image goes to the server as the bytes that its host makes of it", async () => {
  const bodies = server(PREDICT);
  await predictAtServer({ model: "a", inputs: { x: "image" } }, options);
  expect(bodies).toEqual(['{"inputs":{"x":{"b64":"AQID"}}}']);
});
