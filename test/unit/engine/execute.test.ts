import { memory } from "@tensorflow/tfjs-core";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import type { GraphNode } from "../../../protocol/graph.ts";
import type { NamedTensors, Tensor } from "../../../protocol/tensor.ts";
import { packModel, packWeights } from "../../support/pack-model.ts";
import { constant, graphOfNodes, linearModel, node, placeholder, weightless } from "../../support/small-graphs.ts";
import { WASM_PATH } from "../../support/wasm-path.ts";

const host = createInProcessEngineHost({ wasmPath: WASM_PATH });
const HUMAN = fileURLToPath(new URL("../../../node_modules/@vladmandic/human/models/", import.meta.url));

const floats = (...values: number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });
const FLOAT = { T: { type: "DT_FLOAT" } };

describe("no tensor is left behind", () => {
  test.each(["wasm", "cpu"] as const)("by requests, right and wrong, on %s", async (backend) => {
    const model = await host.load(linearModel(2, 1), { backend });
    const before = memory().numTensors;
    for (let i = 0; i < 5; i++) {
      await model.run({ "x:0": floats(1, 2) }, ["y:0", "x:0", "a:0"]);
      await expect(model.run({ "x:0": { ...floats(1, 2), shape: [1, 2] } }, ["y:0"])).rejects.toThrow();
      await expect(model.run({ "x:0": { ...floats(1, 2), shape: [3] } }, ["y:0"])).rejects.toThrow();
      await expect(model.run({}, ["y:0"])).rejects.toThrow();
    }
    expect(memory().numTensors).toBe(before);
    await model.close();
  });

  test("by control flow", async () => {
    const model = await host.load(await packModel(`${HUMAN}handtrack.json`), { backend: "wasm" });
    const image: NamedTensors = { "input_tensor:0": { dtype: "int32", shape: [1, 64, 64, 3], data: new Int32Array(64 * 64 * 3).fill(90) } };
    await model.run(image, ["Identity:0", "Identity_1:0"]);
    const before = memory().numTensors;
    for (let i = 0; i < 3; i++) await model.run(image, ["Identity:0", "Identity_1:0"]);
    await expect(model.run({ "input_tensor:0": floats(1) }, ["Identity:0"])).rejects.toThrow();
    expect(memory().numTensors).toBe(before);
    await model.close();
  });

  test("by loads that fail and models that close", async () => {
    const before = memory().numTensors;
    await (await host.load(linearModel(1, 1), { backend: "wasm" })).close();
    await expect(host.load({ ...linearModel(1, 1), graph: weightless(node("y", "Identity", ["nobody"])).graph }, { backend: "wasm" })).rejects.toThrow();
    expect(memory().numTensors).toBe(before);
  });
});

describe("graphs that TF.js runs asynchronously", () => {
  // The converter warns that `If` and NonMaxSuppressionV4 could be run synchronously, where they cannot.
  beforeAll(() => void vi.spyOn(console, "warn").mockImplementation(() => {}));
  afterAll(() => void vi.restoreAllMocks());

  test("branch, by If and by StatelessIf", async () => {
    const branches = (["f", "g"] as const).map((name, i) => ({
      signature: { name, inputArg: [{ name: "v", type: "DT_FLOAT" }], outputArg: [{ name: "r", type: "DT_FLOAT" }] },
      nodeDef: [node("w", i === 0 ? "Neg" : "Square", ["v"], FLOAT)],
      ret: { r: "w:y:0" },
    }));
    for (const op of ["If", "StatelessIf"]) {
      const graph = graphOfNodes([
        placeholder("c", "DT_BOOL", []),
        placeholder("x", "DT_FLOAT", [-1]),
        node("y", op, ["c", "x"], { then_branch: { func: { name: "f" } }, else_branch: { func: { name: "g" } } }),
      ]);
      graph.modelTopology.library = { function: branches };
      const model = await host.load(packWeights(graph, [], new Uint8Array()), { backend: "wasm" });
      const ask = async (truth: number): Promise<unknown> => (await model.run({ "c:0": { dtype: "bool", shape: [], data: Uint8Array.of(truth) }, "x:0": floats(3) }, ["y:0"]))["y:0"]?.data;
      const answers = [await ask(1), await ask(0)];
      const before = memory().numTensors;
      answers.push(await ask(1));
      expect(answers).toEqual([Float32Array.of(-3), Float32Array.of(9), Float32Array.of(-3)]);
      expect(memory().numTensors).toBe(before);
      await model.close();
    }
  });

  test("choose boxes, where the count is known only afterwards", async () => {
    const nms = (name: string, op: string, extra: string[] = []): GraphNode => node(name, op, ["boxes", "scores", "max", "iou", "least", ...extra], FLOAT);
    const graph = graphOfNodes([
      placeholder("boxes", "DT_FLOAT", [-1, 4]),
      placeholder("scores", "DT_FLOAT", [-1]),
      constant("max", "DT_INT32"),
      constant("iou", "DT_FLOAT"),
      constant("least", "DT_FLOAT"),
      nms("v3", "NonMaxSuppressionV3"),
      node("v4", "NonMaxSuppressionV4", ["boxes", "scores", "max", "iou", "least"], { ...FLOAT, pad_to_max_output_size: { b: false } }),
    ]);
    const scalar = (name: string, dtype: "int32" | "float32") => ({ name, dtype, shape: [] });
    const weights = new Uint8Array([...new Uint8Array(Int32Array.of(10).buffer), ...new Uint8Array(Float32Array.of(0.5, 0.1).buffer)]);
    const model = await host.load(packWeights(graph, [scalar("max", "int32"), scalar("iou", "float32"), scalar("least", "float32")], weights), { backend: "wasm" });
    const feeds: NamedTensors = {
      "boxes:0": { dtype: "float32", shape: [3, 4], data: Float32Array.of(0, 0, 1, 1, 0, 0, 1, 0.9, 0, 2, 1, 3) },
      "scores:0": floats(0.5, 0.9, 0.3),
    };
    for (const fetches of [["v3:0"], ["v4:0", "v4:1"]]) {
      const answer = await model.run(feeds, fetches);
      expect(answer[fetches[0] ?? ""]).toEqual({ dtype: "int32", shape: [2], data: Int32Array.of(1, 2) });
    }
    await model.close();
  });

  test.each(["wasm", "cpu"] as const)("look words up in a table that the initializer fills, on %s", async (backend) => {
    const table = { container: { s: "" }, shared_name: { s: "" }, key_dtype: { type: "DT_STRING" }, value_dtype: { type: "DT_FLOAT" } };
    const graph = {
      ...graphOfNodes([
        placeholder("words", "DT_STRING", [-1]),
        placeholder("table", "DT_RESOURCE", []),
        constant("other", "DT_FLOAT"),
        node("y", "LookupTableFindV2", ["table", "words", "other"], { Tin: { type: "DT_STRING" }, Tout: { type: "DT_FLOAT" } }),
      ]),
      signature: { inputs: { words: { name: "words:0" }, table: { name: "table:0", resourceId: 7 } }, outputs: { y: { name: "y:0" } } },
      modelInitializer: {
        node: [
          node("made", "HashTableV2", [], table),
          constant("keys", "DT_STRING"),
          constant("values", "DT_FLOAT"),
          node("filled", "LookupTableImportV2", ["made", "keys", "values"], { Tin: { type: "DT_STRING" }, Tout: { type: "DT_FLOAT" } }),
        ],
      },
      initializerSignature: { outputs: { "made:0": { name: "made:0", resourceId: 7 }, "filled:0": { name: "filled:0" } } },
    };
    const weights = [
      { name: "other", shape: [], dtype: "float32" as const },
      { name: "keys", shape: [2], dtype: "string" as const },
      { name: "values", shape: [2], dtype: "float32" as const },
    ];
    const word = (text: string): number[] => [text.length, 0, 0, 0, ...new TextEncoder().encode(text)];
    const bytes = new Uint8Array([...new Uint8Array(Float32Array.of(-1).buffer), ...word("cat"), ...word("dog"), ...new Uint8Array(Float32Array.of(5, 6).buffer)]);
    const model = await host.load(packWeights(graph, weights, bytes), { backend });
    const ask = (...words: string[]): Promise<NamedTensors> =>
      model.run({ "words:0": { dtype: "string", shape: [words.length], data: words.map((text) => new TextEncoder().encode(text)) } }, ["y:0"]);
    expect((await ask("dog", "cow", "cat"))["y:0"]?.data).toEqual(Float32Array.of(6, -1, 5));
    const before = memory().numTensors;
    expect((await ask("cat"))["y:0"]?.data).toEqual(Float32Array.of(5));
    expect(memory().numTensors).toBe(before);
    await model.close();
  });
});

test("answers are the caller's own: what is written into them changes no later answer", async () => {
  const model = await host.load(packWeights(graphOfNodes([constant("w", "DT_FLOAT"), node("y", "Identity", ["w"], FLOAT)]), [{ name: "w", shape: [2], dtype: "float32" }], new Uint8Array(Float32Array.of(1, 2).buffer)), { backend: "cpu" });
  for (let i = 0; i < 2; i++) {
    const answer = await model.run({}, ["y:0", "w:0"]);
    for (const name of ["y:0", "w:0"]) {
      const data = answer[name]?.data;
      expect(data).toEqual(Float32Array.of(1, 2));
      if (data instanceof Float32Array) data.fill(99);
    }
  }
  await model.close();
});
