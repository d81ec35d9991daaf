import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEdge, type Edge } from "../../../edge/index.ts";
import { modelName } from "../../../protocol/names.ts";
import { writeColorModel } from "../../support/make-model.ts";
import { IMAGE_CASES, imageFile, largestDifference } from "../../support/image-vectors.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { createRestClient } from "../../support/rest-client.ts";
import { testServer } from "../runtime/device.ts";

let publishing: Publishing;
let folder: string;
let edge: Edge;
let client: ReturnType<typeof createRestClient>;
let alone: Edge;

const names = ["red", "green", "blue"];
const MANY = Array.from({ length: 2000 }, (_, at) => `a class with number ${at}`);

beforeAll(async () => {
  publishing = await startPublishing();
  const publish = async (model: string, shape: readonly number[], serving?: object): Promise<void> => {
    await writeColorModel(publishing.folder(`${model}/1`), shape);
    if (serving !== undefined) await writeFile(publishing.folder(`${model}/1/serving.json`), JSON.stringify(serving));
    await publishing.publish(model, 1);
  };
  // Nothing is resized: what comes out are the pixels.
  await publish("color", [-1, -1, -1, 3], { preprocess: { image: {} }, classes: { output: "scores", names } });
  await publish("gray", [1, 8, 8, 1], { preprocess: { image: { channels: "gray", fit: "pad", scale: 1 / 255 } }, classes: { output: "scores", names: ["dark", "light"] } });
  await publish("plain", [-1, 4, 6, 3]);
  // More names than a manifest holds.
  await publish("many", [-1, 2, 2, 2000], { classes: { output: "scores", names: MANY } });
  const server = testServer(publishing);
  folder = await mkdtemp(join(tmpdir(), "ashore-images-"));
  const options = { server: "http://server.test", port: 0, fetch: server.fetch, pollSeconds: 3600 };
  edge = await startEdge({ ...options, dataDir: join(folder, "all") });
  alone = await startEdge({ ...options, dataDir: join(folder, "alone"), models: [modelName("color")] });
  client = createRestClient(edge.url);
});
afterAll(async () => {
  client.close();
  await edge.close();
  await alone.close();
  await publishing.close();
  await rm(folder, { recursive: true });
});

const b64 = (bytes: Uint8Array): { readonly b64: string } => ({ b64: Buffer.from(bytes).toString("base64") });
const png = b64(imageFile("rgb.png"));
interface Answer {
  readonly predictions: { readonly pixels: number[][][]; readonly scores: number[] }[];
  readonly outputs: { readonly pixels: number[][][][]; readonly scores: number[][] };
  readonly results: [string, number][][];
  readonly error: string;
}
async function ask(path: string, body: object): Promise<readonly [status: number, answer: Answer]> {
  const { status, body: text } = await client.post(`/v1/models/${path}`, JSON.stringify(body));
  return [status, JSON.parse(text) as Answer];
}

describe("an image over REST", () => {
  test("in each form that an input may have, one and several", async () => {
    const [status, { predictions }] = await ask("color:predict", { instances: [{ image: png }] });
    expect([status, predictions.length, predictions[0]?.pixels.length, predictions[0]?.pixels[0]?.length]).toEqual([200, 1, 5, 7]);
    const pixels = predictions[0]?.pixels;
    expect((await ask("color:predict", { instances: [png, png] }))[1].predictions.map((row) => row.pixels)).toEqual([pixels, pixels]);
    expect((await ask("color:predict", { inputs: png }))[1].outputs.pixels).toEqual([pixels]);
    expect((await ask("color:predict", { inputs: [png, png] }))[1].outputs.pixels).toEqual([pixels, pixels]);
    expect((await ask("color:predict", { inputs: { image: [png] } }))[1].outputs.pixels).toEqual([pixels]);
    expect((await ask("color:predict", { signature_name: "serving_default", inputs: { image: png } }))[1].outputs.pixels).toEqual([pixels]);
  });

  test("is preprocessed as its model says: the edge's own answer beside Pillow's", async () => {
    const [status, { outputs }] = await ask("color:predict", { inputs: b64(imageFile("picture.png")) });
    const nearest = IMAGE_CASES.find(({ name }) => name.includes("picture.png nearest"));
    const picture = outputs.pixels[0] ?? [];
    const [height, width] = [9, 8];
    const sampled = Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => (picture[Math.floor(((y + 0.5) * 37) / height)]?.[Math.floor(((x + 0.5) * 53) / width)] ?? []).map((value) => value / 255)));
    expect([status, nearest?.preprocess.size]).toEqual([200, [height, width]]);
    expect(largestDifference(sampled.flat(2), nearest?.values ?? [])).toBeLessThan(1e-6);
  });

  test("and numbers, which are the input as it stands", async () => {
    const [status, { predictions }] = await ask("color:predict", { instances: [[[[1, 2, 3]]]] });
    expect([status, predictions]).toEqual([200, [{ pixels: [[[1, 2, 3]]], scores: [1, 2, 3] }]]);
  });

  test("without preprocess is what TensorFlow Serving says", async () => {
    const [status, { error }] = await ask("plain:predict", { instances: [png] });
    expect([status, error]).toEqual([400, expect.stringContaining("is not of expected type: float")]);
  });

  test("gives names with scores by :classify, best first, as many as are asked for", async () => {
    const [status, { results }] = await ask("color:classify", { examples: [{ image: png }, { image: b64(imageFile("interlaced.png")) }] });
    expect([status, results.map((row) => row.map(([name]) => name).sort())]).toEqual([200, [["blue", "green", "red"], ["blue", "green", "red"]]]);
    const [one = []] = results;
    expect(one.map(([, score]) => score)).toEqual(one.map(([, score]) => score).sort((a, b) => b - a));
    const [, { outputs }] = await ask("color:predict", { inputs: png });
    expect(new Map(one)).toEqual(new Map(names.map((name, at) => [name, outputs.scores[0]?.[at] ?? NaN])));
    expect((await ask("color:classify", { top_k: 1, examples: [{ image: png }] }))[1].results).toEqual([one.slice(0, 1)]);
    const [, { results: [sides = []] }] = await ask("gray:classify", { examples: [{ image: png }] });
    expect(sides.reduce((sum, [, score]) => sum + score, 0)).toBeCloseTo(1, 5);
  });

  test.each<[string, string, object, number, RegExp]>([
    ["of no kind", "color:predict", { inputs: { b64: Buffer.from("GIF89a").toString("base64") } }, 400, /Input image: An image of 6 bytes is neither a JPEG .* nor a PNG/],
    ["cut short", "color:predict", { inputs: b64(imageFile("picture.png").subarray(0, 900)) }, 400, /begins as a PNG, and cannot be decoded: it is cut short/],
    ["of another size in one request", "color:predict", { instances: [png, b64(imageFile("picture.png"))] }, 400, /image 0 has 7 x 5 pixels, image 1 53 x 37/],
    ["too many for the graph", "gray:predict", { instances: [png, png] }, 400, /takes 1 image at a time; it is given 2/],
    ["in lists of lists", "color:predict", { instances: [[png]] }, 400, /a list of the shape \[1,1\]/],
    ["among numbers", "color:predict", { instances: [png, [[[1, 2, 3]]]] }, 400, /element: 1/],
    ["missing in an example", "color:classify", { examples: [{ picture: png }] }, 400, /Example 0 needs a feature "image"/],
    ["with a top_k that is none", "color:classify", { top_k: 0, examples: [{ image: png }] }, 400, /0 is no number of classes/],
    ["to classify by a model without names", "plain:classify", { examples: [{ image: png }] }, 400, /No classification inputs found/],
  ])("that is %s is refused", async (_, path, body, status, message) => {
    expect(await ask(path, body)).toEqual([status, { error: expect.stringMatching(message) }]);
  });

  test("with more pixels than may be is refused before it is decoded", async () => {
    const bomb = imageFile("rgb.png");
    new DataView(bomb.buffer).setUint32(16, 30_000);
    new DataView(bomb.buffer).setUint32(20, 30_000);
    expect(await ask("color:predict", { inputs: b64(bomb) })).toEqual([429, { error: expect.stringMatching(/30000 x 30000 pixels; at most/) }]);
  });

  test("by POST /predict, with names", async () => {
    const one = createRestClient(alone.url);
    const { status, body } = await one.post("/predict", JSON.stringify({ input: png }));
    one.close();
    const { outputs, classes } = JSON.parse(body) as { outputs: { name: string; shape: number[] }[]; classes: { name: string; score: number }[][] };
    expect([status, outputs.map(({ name, shape }) => [name, shape])]).toEqual([200, [["pixels", [1, 5, 7, 3]], ["scores", [1, 3]]]]);
    expect(classes[0]?.map(({ name }) => name).sort()).toEqual(["blue", "green", "red"]);
  });
});

test("the edge's own API takes bytes and pixels, and gives names", async () => {
  const { runtime } = edge;
  const bytes = new Uint8Array(await readFile(new URL("../../support/images/rgb.png", import.meta.url)));
  const encoded = await runtime.predict({ model: "color", inputs: { image: bytes }, topK: 2 });
  expect([encoded.outputs["pixels"]?.shape, encoded.classes?.[0]?.length]).toEqual([[1, 5, 7, 3], 2]);
  const pixels = { width: 2, height: 1, data: Uint8ClampedArray.of(10, 20, 30, 255, 40, 50, 60, 255) };
  const { outputs, classes } = await runtime.predict({ model: "color", inputs: { image: [pixels, pixels] } });
  expect([outputs["pixels"]?.shape, Array.from((outputs["pixels"]?.data ?? []) as ArrayLike<number>).slice(0, 6)]).toEqual([[2, 1, 2, 3], [10, 20, 30, 40, 50, 60]]);
  expect(classes?.[1]).toEqual([{ name: "blue", score: 45 }, { name: "green", score: 35 }, { name: "red", score: 25 }]);
  await expect(runtime.predict({ model: "plain", inputs: { image: pixels } })).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("does not say how an image becomes it") });
});

test("names that are an asset are there once the version answers", async () => {
  const data = new Float32Array(2 * 2 * 2000);
  data[1234] = 4;
  const { classes } = await edge.runtime.predict({ model: "many", inputs: { image: { dtype: "float32", shape: [1, 2, 2, 2000], data } }, topK: 1 });
  expect(classes).toEqual([[{ name: MANY[1234], score: 1 }]]);
});
