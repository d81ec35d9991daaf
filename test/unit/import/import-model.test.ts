import { readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { importModel } from "../../../sync-server/import/index.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { answersOf } from "../../support/run-saved-model.ts";
import { copyRealModel, REAL_MODELS } from "../../support/real-models.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ashore-import-"));
});
afterAll(() => rm(root, { recursive: true }));

let folders = 0;
async function folder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const path = join(root, String(++folders));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return path;
}

const TYPE = { T: { type: "DT_FLOAT" }, dtype: { type: "DT_FLOAT" } };
const node = (name: string, op: string, input: string[] = [], attr: object = TYPE): object => ({ name, op, input, attr });
const GRAPH = [node("x", "Placeholder"), node("w", "Const"), node("y", "Mul", ["x", "w"])];
interface Weight {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: object;
}
const model = (weights: Weight[], more: object = {}): string =>
  JSON.stringify({ format: "graph-model", modelTopology: { node: GRAPH, versions: { producer: 1 } }, weightsManifest: [{ paths: ["a.bin", "b.bin"], weights }], ...more });
const float = (name: string, ...shape: number[]): Weight => ({ name, shape, dtype: "float32" });

test("what TF.js would compute wrongly of a graph made for it is mended, and the other backends are told of what cannot be", async () => {
  const INT = { type: "DT_INT32" };
  const nodes = [
    node("x", "Placeholder", [], { dtype: INT }),
    ...["depth", "on", "off", "image", "filter"].map((name) => node(name, "Const", [], { dtype: name === "depth" ? INT : TYPE.dtype })),
    node("marks", "OneHot", ["x", "depth", "on", "off"], { T: TYPE.T, TI: INT, axis: { i: "-1" } }),
    node("grown", "Dilation2D", ["image", "filter"], { ...TYPE, strides: { list: { i: ["1", "1", "1", "1"] } }, rates: { list: { i: ["1", "1", "1", "1"] } }, padding: { s: btoa("SAME") } }),
  ];
  const weights: Weight[] = [{ name: "depth", shape: [], dtype: "int32" }, float("on"), float("off"), float("image", 1, 1, 1, 1), float("filter", 1, 1, 1)];
  const json = { format: "graph-model", modelTopology: { node: nodes, versions: { producer: 1 } }, weightsManifest: [{ paths: ["a.bin"], weights }] };
  const bytes = new DataView(new ArrayBuffer(20));
  bytes.setInt32(0, 2, true);
  for (const [at, value] of [1, 0, -7, 2].entries()) bytes.setFloat32(4 + 4 * at, value, true);
  const imported = await importModel(await folder({ "model.json": JSON.stringify(json), "a.bin": new Uint8Array(bytes.buffer) }));
  expect(imported.backends).not.toContain("wasm");
  expect(imported.notes).toEqual(["It does not run on wasm, which lacks Dilation2D."]);
  const marks = { ...imported, signatureDefs: { serving_default: { methodName: "", inputs: { x: { name: "x:0", dtype: "int32", shape: null } }, outputs: { marks: { name: "marks:0", dtype: "float32", shape: null } } } } } as const;
  for (const backend of ["cpu", "wasm"] as const) {
    expect(await answersOf(marks, "serving_default", { x: { dtype: "int32", shape: [2], data: Int32Array.of(1, 0) } }, backend)).toEqual({ marks: { shape: [2, 2], values: [0, 1, 1, 0] } });
  }
});

describe("real models", () => {
  test.each(REAL_MODELS)("%s: every byte of its weights, whatever the shards it came in", async (name) => {
    const path = join(root, name);
    await copyRealModel(name, path);
    const { weightsManifest } = JSON.parse(readFileSync(join(path, "model.json"), "utf8")) as { weightsManifest: { paths: string[]; weights: Weight[] }[] };
    const { tensors, signatureDefs, sourceDigest } = await importModel(path, { optimise: false });
    const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
    for (const { paths, weights } of weightsManifest) {
      const together = Buffer.concat(weights.map(({ name }) => byName.get(name)?.bytes ?? Buffer.from("missing")));
      expect(together.equals(Buffer.concat(paths.map((file) => readFileSync(join(path, file)))))).toBe(true);
    }
    expect(Object.keys(signatureDefs)).toEqual(["serving_default"]);
    expect(sourceDigest).toMatch(/^[0-9a-f]{64}$/);
  });

  test("keys that the converter made of tensor names read as the node's name, for REST users and for metadata alike", async () => {
    const path = join(root, "handtrack");
    const { serving_default } = (await importModel(path)).signatureDefs;
    expect(serving_default?.inputs).toEqual({ input_tensor: { name: "input_tensor:0", dtype: "uint8", shape: [1, 320, 320, 3] } });
    expect(serving_default?.outputs["Identity_6"]).toEqual({ name: "Identity_6:0", dtype: "float32", shape: [1, 12804, 4] });
    expect(serving_default?.methodName).toBe("tensorflow/serving/predict");
  });

  test("keys that the author named stay, beside ones that the converter made", async () => {
    const { serving_default } = (await importModel(join(root, "basic-pitch"))).signatureDefs;
    expect(Object.keys(serving_default?.outputs ?? {})).toEqual(["contour", "Identity_1", "Identity_2"]);
    expect(serving_default?.outputs["contour"]?.name).toBe("Identity:0");
    expect(serving_default?.inputs["input_2"]?.shape).toEqual([-1, 43844, 1]);
  });

  test("the signature of converters before 2.0 is found among the user's metadata", async () => {
    const { serving_default } = (await importModel(join(root, "blazeface"))).signatureDefs;
    expect(serving_default?.inputs).toEqual({ input: { name: "input:0", dtype: "float32", shape: [1, 256, 256, 3] } });
  });
});

describe("the source digest", () => {
  test("is of the files that the model consists of: a copy has the same, a changed weight another, a README none", async () => {
    const path = await folder({});
    await writeLinearModel(path, 2, 3);
    const before = (await importModel(path)).sourceDigest;
    await cp(path, `${path}-copy`, { recursive: true });
    await writeFile(join(path, "README.md"), "half plus two");
    expect((await importModel(path)).sourceDigest).toBe(before);
    expect((await importModel(`${path}-copy`)).sourceDigest).toBe(before);
    await writeLinearModel(path, 2, 4);
    expect((await importModel(path)).sourceDigest).not.toBe(before);
  });
});

describe("weights", () => {
  test("lie in files one after another, across a file's end, and come in the order of the graph's nodes", async () => {
    const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer);
    const path = await folder({
      "model.json": model([float("late", 3), float("w", 2)], { modelTopology: { node: [...GRAPH, node("late", "Const")], versions: {} } }),
      "a.bin": bytes.subarray(0, 6),
      "b.bin": bytes.subarray(6),
    });
    const { tensors } = await importModel(path, { optimise: false });
    expect(tensors.map(({ name, bytes }) => [name, ...new Float32Array(bytes.slice().buffer)])).toEqual([["w", 4, 5], ["late", 1, 2, 3]]);
  });

  test("of every dtype and quantisation keep the bytes that they came in", async () => {
    const strings = Uint8Array.of(2, 0, 0, 0, 104, 105, 0, 0, 0, 0, 1, 0, 0, 0, 33);
    const weights: Weight[] = [
      float("f", 1),
      { name: "i", shape: [1], dtype: "int32" },
      { name: "b", shape: [3], dtype: "bool" },
      { name: "c", shape: [1], dtype: "complex64" },
      { name: "s", shape: [3], dtype: "string" },
      { name: "q8", shape: [2], dtype: "float32", quantization: { dtype: "uint8", scale: 0.5, min: -1, original_dtype: "float32" } },
      { name: "q16", shape: [2], dtype: "int32", quantization: { dtype: "uint16", scale: 1, min: 0 } },
      { name: "h", shape: [2], dtype: "float32", quantization: { dtype: "float16", original_dtype: "float32" } },
      { name: "raw", shape: [2], dtype: "uint8" },
    ];
    const path = await folder({ "model.json": model(weights, { modelTopology: { node: [node("x", "Placeholder"), node("y", "Neg", ["x"]), ...weights.map(({ name }) => node(name, "Const"))], versions: {} } }), "a.bin": new Uint8Array(4 + 4 + 3), "b.bin": Buffer.concat([new Uint8Array(8), strings, new Uint8Array(2 + 4 + 4 + 2)]) });
    const { tensors } = await importModel(path, { optimise: false });
    expect(tensors.map(({ name, dtype, width, bytes }) => [name, dtype, width, bytes.byteLength])).toEqual([
      ["f", "float32", 4, 4], ["i", "int32", 4, 4], ["b", "bool", 1, 3], ["c", "complex64", 4, 8], ["s", "string", 1, 15],
      ["q8", "float32", 1, 2], ["q16", "int32", 2, 4], ["h", "float32", 2, 4], ["raw", "int32", 1, 2],
    ]);
    expect(tensors.find(({ name }) => name === "s")?.bytes).toEqual(strings);
    expect(tensors.map(({ quantization }) => quantization).filter((one) => one !== undefined)).toEqual([
      { dtype: "uint8", scale: 0.5, min: -1 }, { dtype: "uint16", scale: 1, min: 0 }, { dtype: "float16" }, { dtype: "uint8", scale: 1, min: 0 },
    ]);
  });

  test.each([
    ["a dtype that TF.js has not", { name: "w", shape: [1], dtype: "float64" }],
    ["an affine quantisation without its scale", { name: "w", shape: [1], dtype: "float32", quantization: { dtype: "uint8" } }],
    ["a quantised bool", { name: "w", shape: [1], dtype: "bool", quantization: { dtype: "uint8", scale: 1, min: 0 } }],
  ])("%s is refused by the weight's name", async (_, weight) => {
    const path = await folder({ "model.json": model([weight]), "a.bin": "", "b.bin": new Uint8Array(8) });
    await expect(importModel(path)).rejects.toMatchObject({ code: "MODEL_MALFORMED", message: expect.stringContaining('"w"') });
  });
});

describe("a folder that is still being copied", () => {
  test("is incomplete at every length of model.json, and at every missing or short file of weights", async () => {
    const path = await folder({});
    await writeLinearModel(path, 2, 3);
    const json = await readFile(join(path, "model.json"));
    for (let length = 0; length < json.length; length += 17) {
      await writeFile(join(path, "model.json"), json.subarray(0, length));
      await expect(importModel(path), `model.json cut at ${length}`).rejects.toMatchObject({ code: cutAtBrace(json, length) ? expect.any(String) : "MODEL_INCOMPLETE" });
    }
    await writeFile(join(path, "model.json"), json);
    for (const length of [7, 4, 0]) {
      await truncate(join(path, "weights.bin"), length);
      await expect(importModel(path), `weights cut at ${length}`).rejects.toMatchObject({ code: "MODEL_INCOMPLETE" });
    }
    await rm(join(path, "weights.bin"));
    await expect(importModel(path)).rejects.toMatchObject({ code: "MODEL_INCOMPLETE", message: expect.stringContaining("weights.bin") });
    await rm(join(path, "model.json"));
    await expect(importModel(path)).rejects.toMatchObject({ code: "MODEL_INCOMPLETE" });
  });

  /** Such a file looks like a whole object that is no JSON; it is reported as malformed and tried again when it changes. */
  const cutAtBrace = (json: Uint8Array, length: number): boolean => json[length - 1] === "}".charCodeAt(0);

  test("strings that are cut inside a length or inside a text are incomplete", async () => {
    for (const bytes of [[1, 0], [5, 0, 0, 0, 104], [1, 0, 0, 0, 104]]) {
      const path = await folder({ "model.json": model([{ name: "w", shape: [2], dtype: "string" }]), "a.bin": Uint8Array.from(bytes), "b.bin": "" });
      await expect(importModel(path)).rejects.toMatchObject({ code: "MODEL_INCOMPLETE" });
    }
  });
});

describe("what waiting does not mend", () => {
  const cases: [string, Record<string, string | Uint8Array>, string, RegExp][] = [
    ["more bytes than model.json accounts for", { "model.json": model([float("w", 1)]), "a.bin": new Uint8Array(4), "b.bin": new Uint8Array(1) }, "MODEL_MALFORMED", /5 bytes where model.json accounts for 4/],
    ["an HTML page in model.json's place", { "model.json": "<!DOCTYPE html><title>404</title>" }, "MODEL_MALFORMED", /HTML/],
    ["a Git LFS pointer in model.json's place", { "model.json": "version https://git-lfs.github.com/spec/v1\n" }, "MODEL_MALFORMED", /git lfs pull/],
    ["a Git LFS pointer in the weights' place", { "model.json": model([float("w", 100)]), "a.bin": "version https://git-lfs.github.com/spec/v1\n", "b.bin": "" }, "MODEL_MALFORMED", /git lfs pull/],
    ["a layers model", { "model.json": JSON.stringify({ format: "layers-model", modelTopology: { model_config: {} }, weightsManifest: [] }) }, "MODEL_MALFORMED", /layers model.*no Sequential/],
    ["a layers model that does not say so", { "model.json": JSON.stringify({ modelTopology: { keras_version: "3", model_config: {} }, weightsManifest: [] }) }, "MODEL_MALFORMED", /layers model/],
    ["another JSON", { "model.json": '{"name":"package"}' }, "MODEL_MALFORMED", /no modelTopology/],
    ["a list", { "model.json": "[]" }, "MODEL_MALFORMED", /no object/],
    ["a path that leads up", { "model.json": model([], { weightsManifest: [{ paths: ["../secret"], weights: [] }] }) }, "MODEL_MALFORMED", /outside/],
    ["an absolute path", { "model.json": model([], { weightsManifest: [{ paths: ["/etc/passwd"], weights: [] }] }) }, "MODEL_MALFORMED", /outside/],
    ["a weight twice", { "model.json": model([float("w", 1), float("w", 1)]), "a.bin": new Uint8Array(8), "b.bin": "" }, "MODEL_MALFORMED", /twice/],
    ["a key twice", { "model.json": '{"format":"graph-model","format":"graph-model"}' }, "MODEL_MALFORMED", /twice/],
    ["an output that the graph does not have", { "model.json": model([], { signature: { outputs: { y: { name: "gone:0", dtype: "DT_FLOAT" } } } }), "a.bin": "", "b.bin": "" }, "MODEL_MALFORMED", /"gone:0"/],
    ["a saved_model.pb that is none", { "saved_model.pb": "\u0017\u0017\u0017" }, "MODEL_MALFORMED", /saved_model\.pb/],
  ];
  test.each(cases)("%s", async (_, files, code, message) => {
    await expect(importModel(await folder(files))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test("an operation that TF.js lacks, named with its node and how often it occurs", async () => {
    const nodes = [...GRAPH, node("one", "MatrixInverseHypothetical", ["y"]), node("two", "MatrixInverseHypothetical", ["one"])];
    const path = await folder({ "model.json": model([], { modelTopology: { node: nodes, versions: {} } }), "a.bin": "", "b.bin": "" });
    await expect(importModel(path)).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP", message: expect.stringMatching(/MatrixInverseHypothetical \(2 nodes: one, two\)/) });
  });

  test("a folder that is not there", async () => {
    await expect(importModel(join(root, "nowhere"))).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("signature defs", () => {
  const imported = async (more: object): Promise<unknown> => {
    const path = await folder({ "model.json": model([], more), "a.bin": "", "b.bin": "" });
    return (await importModel(path)).signatureDefs["serving_default"];
  };
  const tensor = (name: string, more: object = {}): object => ({ name, dtype: "DT_FLOAT", tensorShape: { dim: [{ size: "-1" }, { size: 2 }, {}] }, ...more });

  test("shapes: open sizes, sizes left out, scalars, unknown ranks", async () => {
    const signature = {
      inputs: { x: tensor("x:0"), scalar: tensor("x:0", { tensorShape: {} }), open: tensor("x:0", { tensorShape: { unknownRank: true } }), unsaid: { name: "x", dtype: 9 } },
      outputs: { y: tensor("y:0", { dtype: "DT_INT64" }) },
    };
    expect(await imported({ signature })).toEqual({
      methodName: "tensorflow/serving/predict",
      inputs: {
        x: { name: "x:0", dtype: "float32", shape: [-1, 2, 0] },
        scalar: { name: "x:0", dtype: "float32", shape: [] },
        open: { name: "x:0", dtype: "float32", shape: null },
        unsaid: { name: "x", dtype: "int64", shape: null },
      },
      outputs: { y: { name: "y:0", dtype: "int64", shape: [-1, 2, 0] } },
    });
  });

  test("a trailing :0 stays where two keys would become one", async () => {
    const signature = { inputs: { "x:0": tensor("x:0") }, outputs: { "y:0": tensor("y:0"), y: tensor("y:0") } };
    expect(await imported({ signature })).toMatchObject({ inputs: { x: {} }, outputs: { "y:0": {}, y: {} } });
  });

  test("without a signature: placeholders in, what nothing consumes out, under their nodes' names", async () => {
    const nodes = [
      node("image", "Placeholder", [], { dtype: { type: "DT_UINT8" }, shape: { shape: { dim: [{ size: "-1" }, { size: "4" }] } } }),
      node("x", "Cast", ["image"], { SrcT: { type: "DT_UINT8" }, DstT: { type: "DT_FLOAT" } }),
      node("best", "ArgMax", ["x"], { T: { type: "DT_FLOAT" } }),
      node("sure", "Greater", ["x", "x"]),
      node("unused", "Const"),
    ];
    expect(await imported({ modelTopology: { node: nodes, versions: {} } })).toEqual({
      methodName: "tensorflow/serving/predict",
      inputs: { image: { name: "image:0", dtype: "uint8", shape: [-1, 4] } },
      outputs: { best: { name: "best:0", dtype: "int64", shape: null }, sure: { name: "sure:0", dtype: "bool", shape: null } },
    });
  });

  test("handles that an initializer feeds are no inputs, and go into the graph with their signature", async () => {
    const signature = { inputs: { x: tensor("x:0"), table: { name: "w:0", dtype: "DT_RESOURCE", resourceId: 7 } }, outputs: { y: tensor("y:0") } };
    const path = await folder({ "model.json": model([], { signature }), "a.bin": "", "b.bin": "" });
    const { signatureDefs, graph } = await importModel(path);
    expect(Object.keys(signatureDefs["serving_default"]?.inputs ?? {})).toEqual(["x"]);
    expect(JSON.parse(new TextDecoder().decode(graph))).toMatchObject({ signature: { inputs: { table: { resourceId: 7 } } } });
  });
});
