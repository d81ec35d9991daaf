import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { DTYPES, type DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import { mulberry32 } from "../../../../protocol/self-test.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import type { MetaGraph } from "../../../../sync-server/import/saved-model/meta-graph.ts";
import { readMetaGraphs } from "../../../../sync-server/import/saved-model/read-meta-graphs.ts";
import { openSourceFolder } from "../../../../sync-server/import/source-folder.ts";
import { ROOT } from "../../../support/root.ts";
import { functionProto } from "../../../support/saved-model-writer/graph-writer.ts";
import { memorySource } from "../../../support/saved-model-writer/memory-source.ts";
import { denseClassifier, refVariables, switchMerge, vocabulary, whileLoop } from "../../../support/saved-model-writer/models.ts";
import { attr, tensor, tensorProto, type Proto, type TensorForm } from "../../../support/saved-model-writer/protos.ts";
import type { SavedModelWriter } from "../../../support/saved-model-writer/saved-model-writer.ts";
import { decodeProto, encodeProto } from "../../../support/saved-model-writer/tensorflow-proto.ts";

const PB = "saved_model.pb";
const sourceOf = (pb: Uint8Array<ArrayBuffer>): ReturnType<typeof memorySource> => memorySource(new Map([[PB, pb]]));
const pbOf = (model: SavedModelWriter, ...others: readonly SavedModelWriter[]): Uint8Array<ArrayBuffer> => model.files({ others }).get(PB) ?? new Uint8Array();

async function only(pb: Uint8Array<ArrayBuffer>): Promise<MetaGraph> {
  const [meta, ...more] = await readMetaGraphs(sourceOf(pb));
  if (meta === undefined || more.length > 0) throw new Error("There should be one meta graph.");
  return meta;
}

/** A SavedModel of one meta graph with these nodes and functions. */
function pbWith(nodes: readonly Proto[], functions: readonly Proto[] = [], more: Proto = {}): Uint8Array<ArrayBuffer> {
  return encodeProto("SavedModel", { saved_model_schema_version: 1, meta_graphs: [{ graph_def: { node: nodes, library: { function: functions } }, ...more }] });
}

/** A node that calls a function. */
const calling = (name: string): Proto => ({ name: `call_${name}`, op: "PartitionedCall", attr: { f: attr.func(name) } });

async function codeOf(pb: Uint8Array<ArrayBuffer>): Promise<string> {
  const thrown: unknown = await readMetaGraphs(sourceOf(pb)).then(() => "nothing was thrown", (reason: unknown) => reason);
  return thrown instanceof AshoreError ? thrown.code : String(thrown);
}

describe("the meta graphs of a SavedModel", () => {
  test("have their tags, signature defs with names, dtypes, shapes, methods, and what loads the variables", async () => {
    const meta = await only(pbOf(denseClassifier()));
    expect(meta.tags).toEqual(["serve"]);
    expect(Object.keys(meta.signatureDefs)).toEqual(["serving_default", "relu", "__saved_model_init_op"]);
    expect(meta.signatureDefs["serving_default"]).toEqual({
      methodName: "tensorflow/serving/predict",
      inputs: { x: { name: "serving_default_x:0", type: "DT_FLOAT", shape: [-1, 2] } },
      outputs: { logits: { name: "StatefulPartitionedCall:0", type: "DT_FLOAT", shape: [-1, 3] }, probabilities: { name: "StatefulPartitionedCall:1", type: "DT_FLOAT", shape: [-1, 3] } },
      defaults: {},
    });
    expect(meta.restore).toEqual({ op: "StatefulPartitionedCall_2", filename: "saver_filename:0" });
    expect(meta.initOps).toEqual(["NoOp"]);
  });

  test("are all there, each with its own tag set", async () => {
    const metas = await readMetaGraphs(sourceOf(pbOf(denseClassifier(), switchMerge(), refVariables())));
    expect(metas.map(({ tags }) => tags)).toEqual([["serve"], ["edge"], ["serve"]]);
    expect(metas.map(({ graph }) => graph.functions.length > 0)).toEqual([true, false, false]);
  });

  test("name asset files and what fills the tables, in TF2's way and in TF1's collections", async () => {
    const meta = await only(pbOf(vocabulary()));
    expect(meta.assets).toEqual([{ tensor: "asset_path_initializer:0", file: "vocabulary.txt" }, { tensor: "asset_path_initializer_1:0", file: "labels.txt" }]);
    expect(meta.initOps).toEqual(["NoOp"]);

    const asset = encodeProto("AssetFileDef", { tensor_info: { name: "path:0" }, filename: "words.txt" });
    const old = await only(pbWith([], [], {
      collection_def: {
        saved_model_assets: { any_list: { value: [{ type_url: "type.googleapis.com/tensorflow.AssetFileDef", value: asset }] } },
        legacy_init_op: { node_list: { value: ["init"] } },
        table_initializer: { node_list: { value: ["fill", "init"] } },
        saved_model_main_op: { node_list: { value: ["main"] } },
      },
    }));
    expect(old.assets).toEqual([{ tensor: "path:0", file: "words.txt" }]);
    expect(old.initOps).toEqual(["main", "init", "fill"]);
    expect(old.restore).toBeUndefined();
  });

  test("keep the default values of inputs", async () => {
    const threshold = tensor.float([], [0.5]);
    const meta = await only(pbWith([], [], { signature_def: { serving_default: { inputs: { t: { name: "t:0", dtype: "DT_FLOAT", tensor_shape: { unknown_rank: true } } }, defaults: { t: tensorProto(threshold) } } } }));
    expect(meta.signatureDefs["serving_default"]?.defaults).toEqual({ t: threshold });
    expect(meta.signatureDefs["serving_default"]?.inputs).toEqual({ t: { name: "t:0", type: "DT_FLOAT", shape: null } });
  });

  test("give attributes in protobuf's JSON form, defaults that were written included", async () => {
    const attrs = {
      type: attr.type("float32"), resource: attr.type("resource"), ref: { type: "DT_FLOAT_REF" }, none: { type: "DT_INVALID" }, int: attr.int(-2), zero: attr.int(0), big: { i: "9007199254740993" },
      float: attr.float(0.001), whole: attr.float(2), nan: attr.float(Number.NaN), infinite: attr.float(-Infinity), yes: attr.bool(true), no: attr.bool(false), text: attr.text("SAME"), empty: attr.text(""),
      scalar: attr.shape([]), shape: attr.shape([-1, 0, 3]), any: attr.shape(null), fn: { func: { name: "f", attr: { n: { i: 1 } } } },
      types: attr.types(["float32", "bool"]), ints: attr.ints([1, -1]), texts: attr.texts(["a", ""]), shapes: attr.shapes([[2], null]), floats: { list: { f: [0.1, 2] } },
      bools: { list: { b: [true, false] } }, fns: { list: { func: [{ name: "f" }] } }, nothing: { list: {} }, placeholder: { placeholder: "T" }, tensor: attr.tensor(tensor.float([], [1])),
    };
    const meta = await only(pbWith([{ name: "n", op: "Op", attr: attrs }]));
    expect(meta.graph.nodes[0]?.attrs).toEqual({
      type: { type: "DT_FLOAT" }, resource: { type: "DT_RESOURCE" }, ref: { type: "DT_FLOAT_REF" }, none: { type: "DT_INVALID" }, int: { i: "-2" }, zero: { i: "0" }, big: { i: "9007199254740993" },
      float: { f: 0.001 }, whole: { f: 2 }, nan: { f: "NaN" }, infinite: { f: "-Infinity" }, yes: { b: true }, no: { b: false }, text: { s: "U0FNRQ==" }, empty: { s: "" },
      scalar: { shape: { dim: [] } }, shape: { shape: { dim: [{ size: "-1" }, { size: "0" }, { size: "3" }] } }, any: { shape: { unknownRank: true } }, fn: { func: { name: "f", attr: { n: { i: "1" } } } },
      types: { list: { type: ["DT_FLOAT", "DT_BOOL"] } }, ints: { list: { i: ["1", "-1"] } }, texts: { list: { s: ["YQ==", ""] } }, shapes: { list: { shape: [{ dim: [{ size: "2" }] }, { unknownRank: true }] } },
      floats: { list: { f: [0.1, 2] } }, bools: { list: { b: [true, false] } }, fns: { list: { func: [{ name: "f" }] } }, nothing: { list: {} },
    });
  });

  test("keep a name such as __proto__ as a name", async () => {
    const meta = await only(pbWith([{ name: "n", op: "Op", attr: Object.fromEntries([["__proto__", attr.int(1)]]) }], [], { signature_def: Object.fromEntries([["__proto__", { method_name: "m" }]]) }));
    expect(Object.entries(meta.graph.nodes[0]?.attrs ?? {})).toEqual([["__proto__", { i: "1" }]]);
    expect(Object.keys(meta.signatureDefs)).toEqual(["__proto__"]);
  });
});

describe("constants", () => {
  const typed: Readonly<Record<Exclude<DType, "string">, Tensor["data"]>> = {
    float32: Float32Array.of(1.5, -0, Infinity), float64: Float64Array.of(0.1, 2, 3), float16: Uint16Array.of(0x3c00, 0xfc00, 1), bfloat16: Uint16Array.of(0x3f80, 0xff80, 1),
    int8: Int8Array.of(-128, 0, 127), int16: Int16Array.of(-32768, 0, 1), int32: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1), int64: BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n),
    uint8: Uint8Array.of(0, 128, 255), uint16: Uint16Array.of(0, 1, 65535), uint32: Uint32Array.of(0, 1, 2 ** 32 - 1), uint64: BigUint64Array.of(0n, 1n, 2n ** 64n - 1n), bool: Uint8Array.of(1, 0, 1),
    complex64: Float32Array.of(1, 2, 3, 4, 5, 6), complex128: Float64Array.of(1, 2, 3, 4, 5, 6),
  };
  const constant = async (value: Proto): Promise<Tensor | undefined> => {
    const { graph } = await only(pbWith([{ name: "c", op: "Const", attr: { value: { tensor: value }, dtype: { type: "DT_FLOAT" } } }]));
    expect(graph.nodes[0]?.attrs).toEqual({ dtype: { type: "DT_FLOAT" } });
    const found = graph.constants.get("c");
    return found?.kind === "dense" ? found.tensor : undefined;
  };

  test.each(Object.entries(typed) as [DType, Tensor["data"]][])("of %s are read from bytes, from their typed field, and from one value for all", async (dtype, data) => {
    const value: Tensor = { dtype, shape: [3], data };
    for (const form of ["content", "typed"] satisfies TensorForm[]) expect(await constant(tensorProto(value, form)), form).toEqual(value);
    const width = data.length / 3;
    expect([...((await constant(tensorProto(value, "splat")))?.data ?? [])]).toEqual([0, 1, 2].flatMap(() => [...data].slice(0, width)));
    // Fewer values than elements: the last one repeats.
    const five = { ...tensorProto(value, "typed"), tensor_shape: { dim: [{ size: 5 }] } };
    expect([...((await constant(five))?.data ?? [])]).toEqual([...data, ...[0, 1].flatMap(() => [...data].slice(-width))]);
    expect([...((await constant({ dtype: DTYPES[dtype].proto, tensor_shape: { dim: [{ size: 2 }] } }))?.data ?? [])].map(Number)).toEqual(new Array(2 * width).fill(0));
    expect(await constant({ dtype: DTYPES[dtype].proto, tensor_shape: { dim: [{ size: 2 }, { size: 0 }] } })).toMatchObject({ shape: [2, 0], data: { length: 0 } });
  });

  test("of strings are read from their field and from bytes", async () => {
    const value = tensor.strings([3], ["a", "", "bcd"]);
    expect(await constant(tensorProto(value))).toEqual(value);
    expect(await constant({ ...tensorProto(tensor.strings([3], ["x"])), string_val: [Buffer.from("x")] })).toEqual(tensor.strings([3], ["x", "x", "x"]));
    expect(await constant({ dtype: "DT_STRING", tensor_shape: { dim: [{ size: 3 }] }, tensor_content: Buffer.from("\x01\x00\x03abcd", "latin1") })).toEqual(value);
  });

  test("of numbers may be written one field an element, as old writers did", async () => {
    // dtype 1, shape [2], float_val 5 unpacked: 1 and 2.
    const bytes = [0x08, 1, 0x12, 4, 0x12, 2, 0x08, 2, 0x2d, 0, 0, 0x80, 0x3f, 0x2d, 0, 0, 0, 0x40];
    const inNode = (value: readonly number[]): number[] => [0x0a, 1, 99, 0x12, 5, ...Buffer.from("Const"), 0x2a, value.length + 2 + 9, 0x0a, 5, ...Buffer.from("value"), 0x12, value.length + 2, 0x42, value.length, ...value];
    const wrapped = (field: number, inner: readonly number[]): number[] => [field, inner.length, ...inner];
    const pb = Uint8Array.from([0x08, 1, ...wrapped(0x12, wrapped(0x12, wrapped(0x0a, inNode(bytes))))]);
    expect((await only(pb)).graph.constants.get("c")).toEqual({ kind: "dense", tensor: tensor.float([2], [1, 2]) });
  });

  test("of a type that no tensor has stay in the graph without a value", async () => {
    expect(await constant({ dtype: "DT_VARIANT", tensor_shape: {} })).toBeUndefined();
    expect(await constant({ dtype: "DT_QINT8", tensor_shape: { dim: [{ size: 1 }] }, int_val: [1] })).toBeUndefined();
  });

  test("with too few or too many bytes, or of an impossible shape, are refused and named", async () => {
    const bad: readonly Proto[] = [
      { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 3 }] }, tensor_content: Buffer.alloc(8) },
      { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 1 }] }, tensor_content: Buffer.alloc(8) },
      { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: -1 }] } },
      { dtype: "DT_FLOAT", tensor_shape: { unknown_rank: true } },
      { dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: "9007199254740993" }] } },
      { dtype: "DT_STRING", tensor_shape: { dim: [{ size: 3 }] }, tensor_content: Buffer.from("\x01\x00\x04abcd", "latin1") },
      { dtype: "DT_STRING", tensor_shape: { dim: [{ size: 3 }] }, tensor_content: Buffer.from("\x01\x00\x02abcd", "latin1") },
      { dtype: "DT_STRING", tensor_shape: { dim: [{ size: 3 }] }, tensor_content: Buffer.from("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff", "latin1") },
    ];
    for (const value of bad) await expect(constant(value)).rejects.toThrow(expect.objectContaining({ code: "MODEL_MALFORMED", message: expect.stringContaining("node c") }));
  });

  test("that are one value for more memory than a model may take are refused before they take it", async () => {
    await expect(constant({ dtype: "DT_FLOAT", tensor_shape: { dim: [{ size: 2 ** 40 }] }, float_val: [1] })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
    const many = Array.from({ length: 40 }, (_, at) => ({ name: `c${at}`, op: "Const", attr: { value: { tensor: { dtype: "DT_INT32", tensor_shape: { dim: [{ size: 2 ** 23 }] } } } } }));
    expect(await codeOf(pbWith(many))).toBe("LIMIT_EXCEEDED");
  });
});

describe("functions", () => {
  test("refer to their nodes as a graph does, and their constants have names that are unique", async () => {
    const { graph } = await only(pbOf(whileLoop()));
    const inner = graph.functions.find(({ name }) => name.startsWith("__inference_serving_default"));
    expect(inner?.results).toEqual([{ name: "identity", type: "DT_FLOAT", from: "Identity" }, { name: "identity_1", type: "DT_INT32", from: "Identity_1" }]);
    expect(inner?.nodes.map(({ name, op, inputs }) => `${name} = ${op}(${inputs.join(", ")})`)).toEqual([
      "__inference_serving_default_2/Const = Const()",
      "While = While(__inference_serving_default_2/Const, x, unknown_0)",
      "NoOp = NoOp(^__inference_serving_default_2/Const, ^While)",
      "Identity = Identity(While:1, ^NoOp)",
      "Identity_1 = Identity(While, ^NoOp)",
    ]);
    expect(inner?.args).toEqual([{ name: "x", type: "DT_FLOAT" }, { name: "unknown_0", type: "DT_RESOURCE" }]);
    for (const { nodes } of graph.functions) for (const { name, op } of nodes) if (op === "Const") expect(graph.constants.has(name)).toBe(true);
  });

  test("number the outputs of an operation by its definition, lists among them by their lengths", async () => {
    const fn = functionProto("f", { x: "float32" }, { indices: "int32", valid: "int32", dense: "float32", rows: "int64", second: "float32", x: "float32", empty: "int32" }, (graph, [x = ""]) => {
      const top = graph.op("TopKV2", [x, x]);
      const nms = graph.op("NonMaxSuppressionV5", [x]);
      const parsed = graph.op("ParseExampleV2", [x], {
        Tdense: attr.types(["float32", "float32"]), num_sparse: attr.int(2), sparse_types: attr.types(["int64", "float32"]), ragged_value_types: attr.types(["int64"]), ragged_split_types: attr.types(["int64"]),
      });
      const split = graph.op("Split", [x], { num_split: attr.int(3) });
      const none = graph.op("SomeOpThatNobodyKnows", [x]);
      return [graph.output(top, 1, "indices"), graph.output(nms, 2, "valid_outputs"), graph.output(parsed, 1), graph.output(parsed, 0, "ragged_row_splits"), graph.output(split, 2), x, none];
    });
    const { graph } = await only(pbWith([calling("f")], [fn]));
    // Of ParseExampleV2: 2 + 2 + 2 tensors of sparse features, 2 dense ones, 1 of ragged values, then the row splits.
    expect(graph.functions[0]?.results.map(({ from }) => from)).toEqual(["TopKV2:1", "NonMaxSuppressionV5:2", "ParseExampleV2:7", "ParseExampleV2:9", "Split:2", "x", "SomeOpThatNobodyKnows"]);
  });

  test("may have constants whose names would be those of other nodes", async () => {
    const value = { dtype: attr.type("int32"), value: attr.tensor(tensor.int([], [1])) };
    const body: Proto = { signature: { name: "f", output_arg: [{ name: "y", type: "DT_INT32" }] }, node_def: [{ name: "c", op: "Const", attr: value }, { name: "f/c_1", op: "Identity", input: ["c:output:0", "^c"] }], ret: { y: "f/c_1:output:0" } };
    const { graph } = await only(pbWith([{ name: "f/c", op: "Const", attr: value }, calling("f")], [body]));
    expect(graph.functions[0]?.nodes.map(({ name, inputs }) => [name, ...inputs])).toEqual([["f/c_2"], ["f/c_1", "f/c_2", "^f/c_2"]]);
    expect([...graph.constants.keys()]).toEqual(["f/c", "f/c_2"]);
  });

  test("that nothing calls are left out, and their faults are nobody's", async () => {
    const broken: Proto = { signature: { name: "unused", output_arg: [{ name: "y" }] }, node_def: [{ name: "a", op: "Op", input: ["nowhere:output:0"] }] };
    const inner = functionProto("inner", {}, {}, () => []);
    const outer = functionProto("outer", {}, {}, (graph) => {
      graph.op("Case", [], { branches: { list: { func: [{ name: "inner" }] } } });
      return [];
    });
    const { graph } = await only(pbWith([calling("outer")], [broken, inner, outer]));
    expect(graph.functions.map(({ name }) => name)).toEqual(["inner", "outer"]);
  });

  test("that refer to what they do not have are refused", async () => {
    const fn = (more: Proto): Proto => ({ signature: { name: "f", input_arg: [{ name: "x" }], output_arg: [{ name: "y" }] }, node_def: [{ name: "a", op: "TopKV2", input: ["x"] }], ret: { y: "a:values:0" }, ...more });
    expect(await codeOf(pbWith([calling("f")], [fn({})]))).toBe("nothing was thrown");
    for (const more of [{ ret: {} }, { ret: { y: "b:values:0" } }, { ret: { y: "a:what:0" } }, { ret: { y: "a:values:-1" } }, { ret: { y: "a:values:x" } }, { node_def: [{ name: "a", op: "Op", input: ["z"] }] }, { node_def: [{ name: "a", op: "A" }, { name: "a", op: "B" }] }]) {
      expect(await codeOf(pbWith([calling("f")], [fn(more)])), JSON.stringify(more)).toBe("MODEL_MALFORMED");
    }
    expect(await codeOf(pbWith([calling("f")], [fn({}), fn({})]))).toBe("MODEL_MALFORMED");
  });

  test("that call themselves, very deep, or too many times in all, end the import at once", async () => {
    const call = (name: string, ...callees: readonly string[]): Proto => functionProto(name, {}, {}, (graph) => {
      for (const callee of callees) graph.call(callee, [], [], []);
      return [];
    });
    await expect(only(pbWith([calling("f")], [call("f", "g"), call("g", "f")]))).rejects.toThrow(/f calls itself/);
    const chain = Array.from({ length: 1000 }, (_, at) => call(`f${at}`, `f${at + 1}`));
    expect(await codeOf(pbWith([calling("f0")], chain))).toBe("LIMIT_EXCEEDED");
    // Sixty functions that call the next one twice: 2^60 nodes, if every call were replaced.
    const doubling = Array.from({ length: 60 }, (_, at) => call(`f${at}`, `f${at + 1}`, `f${at + 1}`));
    expect(await codeOf(pbWith([calling("f0")], [...doubling, call("f60")]))).toBe("LIMIT_EXCEEDED");
  });
});

describe("a saved_model.pb that is damaged, hostile, or still being copied", () => {
  test("is not there yet: missing, empty, or cut short at any byte", async () => {
    await expect(readMetaGraphs(memorySource(new Map()))).rejects.toMatchObject({ code: "MODEL_INCOMPLETE" });
    const whole = pbOf(denseClassifier());
    for (let length = 0; length < whole.byteLength; length += length < 64 ? 1 : 13) expect(await codeOf(whole.slice(0, length)), `cut to ${length}`).toBe("MODEL_INCOMPLETE");
  });

  test("of text is refused with what to do", async () => {
    await expect(readMetaGraphs(memorySource(new Map([["saved_model.pbtxt", new Uint8Array()]])))).rejects.toThrow(/saved_model\.pbtxt.*saved_model\.pb/s);
  });

  test("that is something else is called so", async () => {
    await expect(only(new Uint8Array(Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")))).rejects.toThrow(/git lfs pull/);
    await expect(only(new Uint8Array(Buffer.from("<html><body>404</body></html>")))).rejects.toThrow(/HTML page/);
    expect(await codeOf(encodeProto("GraphDef", { versions: { producer: 1 } }))).toBe("MODEL_MALFORMED");
    expect(await codeOf(new Uint8Array(1000))).toBe("MODEL_MALFORMED");
  });

  test("ends in a clear error or in a graph for whatever bytes are changed in it", async () => {
    const random = mulberry32(6);
    for (const model of [denseClassifier(), vocabulary(), refVariables()]) {
      const whole = pbOf(model);
      for (let round = 0; round < 400; round++) {
        const changed = whole.slice();
        for (let n = 0; n <= random() * 3; n++) changed[Math.floor(random() * changed.byteLength)] = Math.floor(random() * 256);
        expect(["nothing was thrown", "MODEL_MALFORMED", "MODEL_INCOMPLETE", "LIMIT_EXCEEDED"], `round ${round}`).toContain(await codeOf(changed));
      }
    }
  });

  test("of millions of empty things in few bytes is refused, not kept", async () => {
    // In a meta graph's graph: five million nodes of no byte each.
    const nodes = Buffer.alloc(10_000_000, Uint8Array.of(0x0a, 0));
    const graph = [0x12, ...lengthOf(nodes.byteLength)];
    const pb = new Uint8Array(Buffer.concat([Uint8Array.of(0x12, ...lengthOf(graph.length + nodes.byteLength), ...graph), nodes]));
    expect(await codeOf(pb)).toBe("LIMIT_EXCEEDED");
  });

  test("of functions' names nested without end is refused", async () => {
    // A function's attribute (2) that is a map's entry whose value (2) is a function (10), and so on; a node's attribute (5) is the outermost.
    let nested = Buffer.alloc(0);
    const wrap = (field: number): void => {
      nested = Buffer.concat([Uint8Array.of(field * 8 + 2, ...lengthOf(nested.byteLength)), nested]);
    };
    for (let depth = 0; depth < 1000; depth++) for (const field of [10, 2, 2]) wrap(field);
    for (const field of [10, 2, 5, 1, 2, 2]) wrap(field);
    expect(await codeOf(new Uint8Array(nested))).toBe("MODEL_MALFORMED");
  });

  test("of nodes that are twice there, or that refer to none, is refused", async () => {
    expect(await codeOf(pbWith([{ name: "a", op: "A" }, { name: "a", op: "B" }]))).toBe("MODEL_MALFORMED");
    expect(await codeOf(pbWith([{ name: "a", op: "A", input: ["b:1"] }]))).toBe("MODEL_MALFORMED");
    expect(await codeOf(pbWith([{ name: "a", op: "A", input: ["^b"] }]))).toBe("MODEL_MALFORMED");
  });

  test("is not read on after the import was cancelled", async () => {
    await expect(readMetaGraphs(sourceOf(pbOf(denseClassifier())), { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: "AbortError" });
  });
});

/** A length as protobuf writes it. */
function lengthOf(n: number): number[] {
  return n < 128 ? [n] : [(n % 128) | 128, ...lengthOf(Math.floor(n / 128))];
}

const REAL = join(ROOT, "../shared/saved-models");

describe.skipIf(!existsSync(REAL))("SavedModels that TensorFlow wrote (skipped where ../shared is absent)", () => {
  const versions = existsSync(REAL)
    ? readdirSync(REAL, { withFileTypes: true }).filter((entry) => entry.isDirectory()).flatMap(({ name }) => readdirSync(join(REAL, name)).filter((version) => /^\d+$/.test(version)).map((version) => `${name}/${version}`))
    : [];

  test.each(versions)("%s: has the nodes, inputs and signature defs that protobufjs's own decoder finds", async (version) => {
    const decoded = v.parse(decodedSchema, decodeProto("SavedModel", readFileSync(join(REAL, version, PB))));
    const metas = await readMetaGraphs(openSourceFolder(join(REAL, version)));
    expect(metas).toHaveLength(decoded.meta_graphs.length);
    for (const [at, { graph_def: graph, signature_def: signatures, meta_info_def: info }] of decoded.meta_graphs.entries()) {
      const flat = graph.node.map(({ name, op, input }) => ({ name, op, inputs: input.map((one) => one.replace(/:0$/, "")) }));
      expect(metas[at]?.graph.nodes.map(({ name, op, inputs }) => ({ name, op, inputs }))).toEqual(flat);
      expect(Object.keys(metas[at]?.signatureDefs ?? {}).sort()).toEqual(Object.keys(signatures).sort());
      expect(metas[at]?.tags).toEqual(info.tags);
      for (const { name, op } of graph.node) if (op === "Const") expect(metas[at]?.graph.constants.has(name), name).toBe(true);
    }
  });
});

const decodedSchema = v.object({
  meta_graphs: v.array(v.object({
    graph_def: v.object({ node: v.array(v.object({ name: v.string(), op: v.string(), input: v.optional(v.array(v.string()), () => []) })) }),
    signature_def: v.record(v.string(), v.unknown()),
    meta_info_def: v.object({ tags: v.array(v.string()) }),
  })),
});
