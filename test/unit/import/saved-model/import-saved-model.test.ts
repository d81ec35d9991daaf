import { describe, expect, test } from "vitest";
import type { SavedModelWriter } from "../../../support/saved-model-writer/saved-model-writer.ts";
import { branch, convolution, denseClassifier, examples, refVariables, vocabulary, whileLoop } from "../../../support/saved-model-writer/models.ts";
import { attr, tensor } from "../../../support/saved-model-writer/protos.ts";
import { answersOf, graphModel, importWritten } from "../../../support/run-saved-model.ts";
import { SavedModelWriter as Writer } from "../../../support/saved-model-writer/saved-model-writer.ts";
import type { NamedTensors } from "../../../../protocol/tensor.ts";

const strings = (shape: readonly number[], texts: readonly string[]) => tensor.strings(shape, texts);

interface Case {
  readonly what: string;
  readonly model: () => SavedModelWriter;
  readonly signature?: string;
  readonly inputs: NamedTensors;
  readonly answer: Readonly<Record<string, { readonly shape: readonly number[]; readonly values: readonly unknown[] }>>;
}

const CASES: readonly Case[] = [
  { what: "calls inlined and variables frozen", model: denseClassifier, signature: "relu", inputs: { x: tensor.float([1, 2], [1, -1]) }, answer: { y: { shape: [1, 3], values: [0, 0, 0] } } },
  { what: "several signature defs of one graph", model: denseClassifier, inputs: { x: tensor.float([1, 2], [1, 1]) }, answer: { logits: { shape: [1, 3], values: [5.5, 6.5, 9] }, probabilities: { shape: [1, 3], values: [expect.closeTo(0.0271, 3), expect.closeTo(0.0737, 3), expect.closeTo(0.8992, 3)] } } },
  { what: "stripped attributes put back", model: convolution, inputs: { image: tensor.float([1, 3, 3, 1], [1, 0, 0, 0, 1, 0, 0, 0, -9]) }, answer: { y: { shape: [1, 2, 2, 1], values: [expect.closeTo(4, 4), expect.closeTo(2, 4), expect.closeTo(2, 4), expect.closeTo(0, 4)] } } },
  { what: "a loop that reads a variable", model: whileLoop, inputs: { x: tensor.float([2], [3, 30]) }, answer: { y: { shape: [2], values: [12, 120] }, steps: { shape: [], values: [2] } } },
  { what: "a branch, taken", model: branch, inputs: { scale: { dtype: "bool", shape: [], data: Uint8Array.of(1) }, x: tensor.float([1], [5]) }, answer: { y: { shape: [1], values: [15] } } },
  { what: "a branch, not taken", model: branch, inputs: { scale: { dtype: "bool", shape: [], data: Uint8Array.of(0) }, x: tensor.float([1], [5]) }, answer: { y: { shape: [1], values: [4] } } },
  { what: "a table from a file, in the keys' shape", model: vocabulary, inputs: { tokens: strings([2, 2], ["sat", "dog", "the", "cat"]) }, answer: { ids: { shape: [2, 2], values: [2, -1, 0, 1] } } },
  { what: "a lookup of nothing", model: vocabulary, inputs: { tokens: strings([0, 3], []) }, answer: { ids: { shape: [0, 3], values: [] } } },
  { what: "one table of two", model: vocabulary, signature: "labels", inputs: { ids: tensor.int([3], [2, 7, 0]) }, answer: { labels: { shape: [3], values: ["two", "?", "zero"] } } },
  { what: "TF1's variables, one in parts", model: refVariables, inputs: { x: tensor.float([1, 3], [1, 1, 1]) }, answer: { y: { shape: [1, 2], values: [19, 32] } } },
];

describe.each(["cpu", "wasm"] as const)("a SavedModel on %s", (backend) => {
  describe.each([true, false])("optimised: %s", (optimise) => {
    test.each(CASES)("$what", async ({ model, signature = "serving_default", inputs, answer }) => {
      const imported = await importWritten(model(), { optimise });
      expect(await answersOf(imported, signature, inputs, backend)).toEqual(answer);
    });
  });
});

/** TF1: numbers of words by a table of constants, whose value is `far` for the last. */
function constantTable(far: bigint): Writer {
  const model = new Writer("tf1");
  const { graph } = model;
  const table = graph.op("HashTableV2", [], { key_dtype: attr.type("string"), value_dtype: attr.type("int64"), shared_name: attr.text("words") }, { name: "words" });
  const values = graph.constant({ dtype: "int64", shape: [2], data: BigInt64Array.of(7n, far) });
  model.initialise(graph.op("InitializeTableV2", [table, graph.constant(strings([2], ["a", "b"])), values], { Tkey: attr.type("string"), Tval: attr.type("int64") }));
  const x = graph.placeholder("x", "string", null);
  const found = graph.op("LookupTableFindV2", [table, x, graph.constant(tensor.int64([], [-1]))], { Tin: attr.type("string"), Tout: attr.type("int64") });
  return model.signature("serving_default", { x: [x, "string", null] }, { y: [found, "int64", null] });
}

describe("tables and weights", () => {
  test("a table of constants, for one word too", async () => {
    const imported = await importWritten(constantTable(9n));
    expect(await answersOf(imported, "serving_default", { x: strings([], ["b"]) }, "wasm")).toEqual({ y: { shape: [], values: [9] } });
  });

  test("a table that holds more than 32 bits is refused by name", async () => {
    await expect(importWritten(constantTable(2n ** 40n))).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP", message: expect.stringMatching(/table words, the constant words\/values of type int64 holds 1099511627776/) });
  });

  test("a table that nothing fills is refused by name", async () => {
    const model = graphModel({ x: "string" }, (graph, [x = ""]) => {
      const table = graph.op("HashTableV2", [], { key_dtype: attr.type("string"), value_dtype: attr.type("int64") }, { name: "empty" });
      return { y: [graph.op("LookupTableFindV2", [table, x, graph.constant(tensor.int64([], [-1]))], { Tin: attr.type("string"), Tout: attr.type("int64") }), "int64"] };
    });
    await expect(importWritten(model)).rejects.toThrow(/looks into the table empty, which nothing fills/);
  });

  test("an asset's path counts by its file name only", async () => {
    const model = new Writer("tf2");
    const table = model.tableOf(model.asset("../secret.txt", "root\n"), "line-to-number");
    model.serve("serving_default", { x: ["string", [-1]] }, { y: ["int64", [-1]] }, [table], (graph, [x = ""], [handle = ""]) => [graph.op("LookupTableFindV2", [handle, x, graph.constant(tensor.int64([], [-1]))], { Tin: attr.type("string"), Tout: attr.type("int64") })]);
    await expect(importWritten(model)).rejects.toMatchObject({ code: "MODEL_INCOMPLETE", message: expect.stringContaining("assets/secret.txt is missing") });
  });

  test("large weights of half precision travel as such", async () => {
    const model = new Writer("tf2");
    // 0x4000 is 2 in half precision.
    const kernel = model.variable("kernel", { dtype: "float16", shape: [2048, 1], data: new Uint16Array(2048).fill(0x4000) });
    const T = { T: attr.type("float16") };
    model.serve("serving_default", { x: ["float16", [-1, 2048]] }, { y: ["float16", [-1, 1]] }, [kernel], (graph, [x = ""], [handle = ""]) => [graph.op("MatMul", [x, graph.op("ReadVariableOp", [handle], { dtype: attr.type("float16") })], T)]);
    const imported = await importWritten(model);
    expect(imported.tensors.map(({ bytes, quantization }) => [bytes.byteLength, quantization?.dtype])).toEqual([[4096, "float16"]]);
    expect(imported.signatureDefs["serving_default"]?.inputs["x"]?.dtype).toBe("float16");
    expect(await answersOf(imported, "serving_default", { x: tensor.float([1, 2048], new Array<number>(2048).fill(0.5)) }, "wasm")).toEqual({ y: { shape: [1, 1], values: [2048] } });
  });
});

describe("signature defs", () => {
  test("keep their names, dtypes, order, methods and defaults; what initialises is none", async () => {
    const model = graphModel({ b: "int64", a: "uint8" }, (graph, [b = "", a = ""]) => ({
      z: [graph.op("Identity", [b], { T: attr.type("int64") }), "int64"],
      y: [graph.op("Identity", [a], { T: attr.type("uint8") }), "uint8"],
    }));
    const { signatureDefs } = await importWritten(model);
    expect(signatureDefs).toEqual({
      serving_default: {
        methodName: "tensorflow/serving/predict",
        inputs: { b: { name: "b:0", dtype: "int64", shape: null }, a: { name: "a:0", dtype: "uint8", shape: null } },
        outputs: { z: { name: "Identity:0", dtype: "int64", shape: null }, y: { name: "Identity_1:0", dtype: "uint8", shape: null } },
      },
    });
    expect(Object.keys((await importWritten(vocabulary())).signatureDefs)).toEqual(["serving_default", "labels"]);
  });

  test("parsed examples: the runtime is told what to feed", async () => {
    const { signatureDefs } = await importWritten(examples());
    expect(signatureDefs["classify"]).toMatchObject({
      methodName: "tensorflow/serving/classify",
      inputs: { inputs: { dtype: "string" } },
      examples: { features: [{ key: "x", dtype: "float32", shape: [2], default: { shape: [2], values: [0, 0] } }] },
    });
    const feature = signatureDefs["classify"]?.examples?.features[0]?.tensor ?? "";
    const imported = await importWritten(examples());
    expect(await answersOf(imported, "classify", { [feature]: tensor.float([1, 2], [3, 1]) }, "cpu")).toEqual({ scores: { shape: [1, 1], values: [5] } });
  });

  test("TF1's parsed examples, counted to repeat the names of classes as estimators do", async () => {
    const model = new Writer("tf1");
    const { graph } = model;
    const inputs = graph.placeholder("tf_example", "string", [-1]);
    const texts = (shape: readonly number[], ...keys: string[]) => graph.constant(strings(shape, keys));
    const parsed = graph.op("ParseExample", [inputs, texts([0]), texts([], "x"), graph.constant(tensor.float([0], []))], { Nsparse: attr.int(0), Ndense: attr.int(1), Tdense: attr.types(["float32"]), dense_shapes: attr.shapes([[2]]), sparse_types: attr.types([]) });
    const one = (n: number) => graph.constant(tensor.int([1], [n]));
    const count = graph.op("StridedSlice", [graph.op("Shape", [inputs], { T: attr.type("string") }), one(0), one(1), one(1)], { T: attr.type("int32"), Index: attr.type("int32"), shrink_axis_mask: attr.int(1) });
    const times = graph.op("Pack", [count, graph.constant(tensor.int([], [1]))], { T: attr.type("int32"), N: attr.int(2) });
    const classes = graph.op("Tile", [texts([1, 2], "no", "yes"), times], { T: attr.type("string"), Tmultiples: attr.type("int32") });
    model.signature("classify", { inputs: [inputs, "string", [-1]] }, { classes: [classes, "string", [-1, 2]], scores: [graph.op("Softmax", [parsed], { T: attr.type("float32") }), "float32", [-1, 2]] }, { method: "classify" });
    const imported = await importWritten(model);
    const [feature] = imported.signatureDefs["classify"]?.examples?.features ?? [];
    expect(feature).toEqual({ key: "x", tensor: expect.any(String), dtype: "float32", shape: [2] });
    for (const backend of ["cpu", "wasm"] as const) {
      expect(await answersOf(imported, "classify", { [feature?.tensor ?? ""]: tensor.float([2, 2], [1, 1, 1, 1]) }, backend)).toEqual({ classes: { shape: [2, 2], values: ["no", "yes", "no", "yes"] }, scores: { shape: [2, 2], values: [0.5, 0.5, 0.5, 0.5] } });
    }
  });

  test("one that needs what TF.js lacks is refused by op, node and count; the others are served", async () => {
    const model = new Writer("tf1");
    const x = model.graph.placeholder("x", "float32", [-1, 2, 2]);
    const T = { T: attr.type("float32") };
    model.signature("good", { x: [x, "float32", [-1, 2, 2]] }, { y: [model.graph.op("Neg", [x], T), "float32", null] });
    model.signature("bad", { x: [x, "float32", [-1, 2, 2]] }, { y: [model.graph.op("Cholesky", [model.graph.op("Cholesky", [x], T)], T), "float32", null] });
    const { signatureDefs, notes } = await importWritten(model);
    expect(Object.keys(signatureDefs)).toEqual(["good"]);
    expect(notes).toEqual([expect.stringMatching(/The signature def bad is not served: it uses operations that TensorFlow\.js cannot execute: Cholesky \(2 nodes: Cholesky, Cholesky_1\)/)]);
  });

  test("none that can be served: an error that says so of each", async () => {
    const model = graphModel({ x: "float32" }, (graph, [x = ""]) => ({ y: [graph.op("Lgamma", [x], { T: attr.type("float32") }), "float32"] }));
    await expect(importWritten(model)).rejects.toMatchObject({ code: "MODEL_UNSUPPORTED_OP", message: expect.stringContaining("Lgamma (1 node: Lgamma)") });
    // To look at it, it is taken all the same.
    expect(Object.keys((await importWritten(model, { unsupportedOps: "accept" })).signatureDefs)).toEqual(["serving_default"]);
  });

  test("a fed tensor inside the graph cuts away what would make it, whatever that is", async () => {
    const model = new Writer("tf1");
    const { graph } = model;
    const made = graph.op("Unsupported", [graph.placeholder("raw", "string", null)], {});
    const sum = graph.op("AddV2", [graph.output(made, 1), graph.output(made, 2)], { T: attr.type("float32") });
    model.signature("serving_default", { a: [`${made}:1`, "float32", null], b: [`${made}:2`, "float32", null] }, { y: [sum, "float32", null] });
    const imported = await importWritten(model);
    expect(await answersOf(imported, "serving_default", { a: tensor.float([1], [1]), b: tensor.float([1], [2]) }, "cpu")).toEqual({ y: { shape: [1], values: [3] } });
  });

  test("sparse features are refused by their keys", async () => {
    const model = graphModel({ inputs: "string" }, (graph, [inputs = ""]) => {
      const texts = (...keys: string[]) => graph.constant(tensor.strings([keys.length], keys));
      const parsed = graph.op("ParseExampleV2", [inputs, texts(), texts("words", "tags"), texts(), texts()], {
        Tdense: attr.types([]), dense_shapes: attr.shapes([]), num_sparse: attr.int(2), ragged_split_types: attr.types([]), ragged_value_types: attr.types([]), sparse_types: attr.types(["string", "string"]),
      });
      return { y: [graph.output(parsed, 2), "string"] };
    });
    await expect(importWritten(model)).rejects.toThrow(/sparse features of tf\.Examples \(words, tags\)/);
  });
});

describe("meta graphs", () => {
  const tagged = (...tags: string[]): Writer => {
    const model = new Writer("tf1", { tags });
    const x = model.graph.placeholder("x", "float32", null);
    return model.signature("serving_default", { x: [x, "float32", null] }, { y: [model.graph.op(tags.length === 1 ? "Neg" : "Abs", [x], { T: attr.type("float32") }), "float32", null] });
  };

  test("are chosen by their whole set of tags, in whatever order", async () => {
    const both = () => ({ files: () => tagged("serve").files({ others: [tagged("serve", "quantized")] }) }) as unknown as Writer;
    expect(await answersOf(await importWritten(both()), "serving_default", { x: tensor.float([1], [2]) }, "cpu")).toEqual({ y: { shape: [1], values: [-2] } });
    expect(await answersOf(await importWritten(both(), { savedModelTags: ["quantized", "serve"] }), "serving_default", { x: tensor.float([1], [-2]) }, "cpu")).toEqual({ y: { shape: [1], values: [2] } });
  });

  test("a missing one: those that are there are named", async () => {
    await expect(importWritten(tagged("edge", "tpu"))).rejects.toMatchObject({ code: "MODEL_MALFORMED", message: expect.stringContaining("{serve}; it has {edge, tpu}") });
  });
});
