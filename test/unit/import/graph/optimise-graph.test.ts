import { describe, expect, test } from "vitest";
import type { Tensor } from "../../../../protocol/tensor.ts";
import type { GraphNode } from "../../../../sync-server/import/graph/graph.ts";
import { optimiseGraph } from "../../../../sync-server/import/graph/optimise-graph.ts";
import type { ImportedTensor } from "../../../../sync-server/import/imported-model.ts";
import { answersOf, BATCH_NORM, boolAttr, CONV, distance, floatAttr, float32, graphOf, input, int32, intAttr, intsAttr, MATMUL, MAX_POOL, op, opsOf, optimised, textAttr, textsAttr, typeAttr, wave } from "../../../support/import-graphs.ts";

const IMAGE = { "x:0": wave(1, 5, 5, 2) };
const VECTOR = { "x:0": wave(2, 3) };
const image = input("x", [-1, 5, 5, 2]);
const vector = input("x", [-1, 3]);
const conv = (name = "conv", filter = "w", from = "x"): GraphNode => op(name, "Conv2D", [from, filter], CONV);
const FILTER = { w: wave(3, 3, 2, 4) };
const CHANNELS = float32([4], 1.5, -0.5, 2, 0.25);

/** The answers are the same on both backends that run everywhere, and the graph is then made of these ops. */
async function expectOps(nodes: readonly GraphNode[], constants: Readonly<Record<string, Tensor | ImportedTensor>>, feeds: Readonly<Record<string, Tensor>>, ops: readonly string[], fetches: readonly string[] = ["y:0"]): Promise<void> {
  for (const backend of ["cpu", "wasm"] as const) {
    const run = await optimised(graphOf(nodes, constants), feeds, fetches, backend);
    expect(run.ops, backend).toEqual([...ops].sort());
    expect(distance(run.before, run.after), backend).toBeLessThan(1e-6);
  }
}

describe("nodes that change nothing", () => {
  test("go, and a fetched one gives its name to the node before it", async () => {
    await expectOps([vector, op("a", "Identity", ["x"]), op("b", "Neg", ["a"]), op("c", "StopGradient", ["b"]), op("y", "Identity", ["c"])], {}, VECTOR, ["Neg"]);
    await expectOps([vector, op("a", "IdentityN", ["x", "k"]), op("y", "Mul", ["a:1", "a"])], { k: float32([], 2) }, VECTOR, ["Mul"]);
  });

  test("stay where two of them are fetched by their names, or a constant is", async () => {
    await expectOps([vector, op("n", "Neg", ["x"]), op("y", "Identity", ["n"]), op("z", "Identity", ["n"]), op("k", "Identity", ["c"])], { c: float32([1], 3) }, VECTOR, ["Neg", "Identity", "Identity"], ["y:0", "z:0", "k:0"]);
  });

  test("as nothing that is needed by nobody does, in functions too", async () => {
    const branch = (name: string, kind: string) => ({
      name,
      args: [{ name: "v", type: "DT_FLOAT" }],
      results: [{ name: "r", type: "DT_FLOAT", from: "out" }],
      nodes: [op("dead", "Exp", ["v"]), op("i", "Identity", ["v"]), op("out", kind, ["i"])],
    });
    const branches = { then_branch: { func: { name: "f" } }, else_branch: { func: { name: "g" } } };
    const graph = graphOf([vector, input("p", [], "DT_BOOL"), op("y", "StatelessIf", ["p", "x"], branches), op("unused", "Exp", ["x"])], {}, [branch("f", "Neg"), branch("g", "Square"), branch("h", "Exp")]);
    const run = await optimised(graph, { ...VECTOR, "p:0": { dtype: "bool", shape: [], data: Uint8Array.of(1) } }, ["y:0"]);
    expect(run.after).toEqual(run.before);
    expect(run.ops).toEqual(["StatelessIf"]);
    expect(graph.functions.map(({ name, nodes }) => [name, opsOf(nodes)])).toEqual([["f", ["Neg"]], ["g", ["Square"]]]);
  });

  test("a placeholder's default is taken where nothing feeds it, and only there", () => {
    const nodes = [vector, op("d", "PlaceholderWithDefault", ["k"]), op("y", "Mul", ["x", "d"])];
    const unfed = graphOf(nodes, { k: float32([], 2) });
    optimiseGraph(unfed, { feeds: ["x:0"], fetches: ["y:0"] });
    expect(opsOf(unfed.nodes)).toEqual(["Mul"]);
    const fed = graphOf(nodes, { k: float32([], 2) });
    optimiseGraph(fed, { feeds: ["x:0", "d:0"], fetches: ["y:0"] });
    expect(opsOf(fed.nodes)).toEqual(["Mul", "PlaceholderWithDefault"]);
  });

  test("stay beside control flow, lists and who waits for them", () => {
    const graph = graphOf([
      input("p", [], "DT_BOOL"),
      vector,
      op("s", "Switch", ["x", "p"]),
      op("pivot", "Identity", ["s:1"]),
      op("gated", "Identity", ["x", "^pivot"]),
      op("e", "Identity", ["x"]),
      op("list", "TensorListFromTensor", ["e"]),
      op("m", "Merge", ["gated", "s"]),
      op("y", "Neg", ["m"]),
      op("z", "TensorListStack", ["list"]),
    ]);
    const before = structuredClone(graph.nodes);
    optimiseGraph(graph, { feeds: ["x:0", "p:0"], fetches: ["y:0", "z:0"] });
    expect(graph.nodes).toEqual(before);
  });

  test("an input that no output needs is there to be fed all the same", () => {
    const graph = graphOf([vector, input("unused", [1]), op("y", "Neg", ["x"])]);
    optimiseGraph(graph, { feeds: ["x:0", "unused:0"], fetches: ["y:0"] });
    expect(graph.nodes.map(({ name }) => name)).toEqual(["x", "unused", "y"]);
  });
});

describe("equal nodes", () => {
  test("become one, equal constants before them", async () => {
    const nodes = [vector, op("a", "Add", ["x", "k"]), op("b", "Add", ["x", "l"]), op("y", "Mul", ["a", "b"])];
    await expectOps(nodes, { k: float32([], 2), l: float32([], 2) }, VECTOR, ["Add", "Mul"]);
  });

  test("do not where they differ, by an attribute or a constant's shape, are drawn at random, or both fetched", async () => {
    const nodes = [
      vector,
      op("kept", "Sum", ["x", "k"], { keep_dims: boolAttr(true) }),
      op("gone", "Sum", ["x", "k"], { keep_dims: boolAttr(false) }),
      op("a", "Square", ["kept"]),
      op("b", "Square", ["gone"]),
      op("c", "Reshape", ["x", "l"]),
      op("y", "Neg", ["x"]),
      op("z", "Neg", ["x"]),
    ];
    await expectOps(nodes, { k: int32([1], 1), l: int32([2], 3, 2) }, VECTOR, ["Sum", "Sum", "Square", "Square", "Reshape", "Neg", "Neg"], ["a:0", "b:0", "c:0", "y:0", "z:0"]);
    const random = graphOf([op("a", "RandomUniform", ["s"]), op("b", "RandomUniform", ["s"]), op("y", "Sub", ["a", "b"])], { s: int32([1], 2) });
    optimiseGraph(random, { feeds: [], fetches: ["y:0"] });
    expect(opsOf(random.nodes)).toEqual(["RandomUniform", "RandomUniform", "Sub"]);
  });
});

describe("constants are folded", () => {
  test("through chains; what is fetched is computed from a constant", async () => {
    await expectOps([vector, op("a", "Mul", ["k", "k"]), op("b", "Neg", ["a"]), op("y", "Mul", ["x", "b"])], { k: float32([3], 1, 2, 3) }, VECTOR, ["Mul"]);
    await expectOps([op("y", "Neg", ["k"])], { k: float32([3], 1, 2, 3) }, {}, ["Identity"]);
  });

  test("never so that the weights grow", () => {
    const large = wave(1024);
    const nodes = [
      input("x", [1024]),
      op("filled", "Fill", ["count", "zero"]),
      op("tiled", "Tile", ["k", "twice"]),
      op("negated", "Neg", ["k"]),
      op("sum", "AddV2", ["x", "negated"]),
      op("plain", "AddV2", ["x", "k"]),
    ];
    const graph = graphOf(nodes, { k: large, count: int32([1], 1 << 30), zero: float32([], 0), twice: int32([1], 2) });
    optimiseGraph(graph, { feeds: ["x:0"], fetches: ["sum:0", "plain:0", "tiled:0", "filled:0"] });
    // The constant itself is read beside its negation: both would be kept.
    expect(opsOf(graph.nodes)).toEqual(["AddV2", "AddV2", "Fill", "Neg", "Tile"]);
  });

  test("but not what is fed, nor what waits for another node", () => {
    const graph = graphOf([vector, op("a", "Neg", ["k"]), op("b", "Neg", ["l"]), op("c", "Square", ["m", "^x"]), op("s", "AddN", ["a", "b", "c", "x"])], { k: float32([], 1), l: float32([], 2), m: float32([], 3) });
    optimiseGraph(graph, { feeds: ["x:0", "k:0"], fetches: ["s:0"] });
    expect(opsOf(graph.nodes)).toEqual(["AddN", "Neg", "Square"]);
  });

  test("and those of functions that name their nodes alike are kept apart", async () => {
    const branch = (name: string, constant: string, factor: number) => ({
      name,
      args: [{ name: "v", type: "DT_FLOAT" }],
      results: [{ name: "r", type: "DT_FLOAT", from: "out" }],
      nodes: [op(constant, "Const"), op("n", "Neg", [constant]), op("out", factor > 0 ? "Mul" : "Add", ["v", "n"])],
    });
    const branches = { then_branch: { func: { name: "f" } }, else_branch: { func: { name: "g" } } };
    const graph = graphOf([vector, input("p", [], "DT_BOOL"), op("y", "StatelessIf", ["p", "x"], branches)], {}, [branch("f", "k", 1), branch("g", "l", 1)]);
    graph.constants.set("k", { kind: "dense", tensor: float32([], 3) });
    graph.constants.set("l", { kind: "dense", tensor: float32([], 5) });
    for (const p of [0, 1]) {
      const run = await optimised(structuredClone(graph), { ...VECTOR, "p:0": { dtype: "bool", shape: [], data: Uint8Array.of(p) } }, ["y:0"]);
      expect(run.after).toEqual(run.before);
      expect(run.graph.functions.flatMap(({ nodes }) => opsOf(nodes))).toEqual(["Mul", "Mul"]);
    }
  });

  test("a shape of which one size is open is a constant for Reshape, one with two is not", async () => {
    const tall = input("x", [-1, -1, 5, 2]);
    const slice = { begin_mask: intAttr(0), end_mask: intAttr(0), shrink_axis_mask: intAttr(1), ellipsis_mask: intAttr(0), new_axis_mask: intAttr(0) };
    const nodes = [tall, op("s", "Shape", ["x"]), op("n", "StridedSlice", ["s", "zero", "one", "one"], slice), op("h", "StridedSlice", ["s", "one", "two", "one"], slice)];
    const constants = { zero: int32([1], 0), one: int32([1], 1), two: int32([1], 2), rest: int32([], 50), ten: int32([], 10) };
    await expectOps([...nodes, op("p", "Pack", ["n", "rest"], { axis: intAttr(0) }), op("y", "Reshape", ["x", "p"])], constants, IMAGE, ["Reshape"]);
    await expectOps([...nodes, op("p", "Pack", ["n", "h", "ten"], { axis: intAttr(0) }), op("y", "Reshape", ["x", "p"])], constants, IMAGE, ["Pack", "Reshape", "Shape", "StridedSlice", "StridedSlice"]);
  });
});

describe("batch norms become part of the weights", () => {
  const moments = { gamma: float32([4], 1, 2, 3, 4), beta: float32([4], 0, 1, -1, 2), mean: float32([4], 0.5, -0.5, 1, 0), variance: float32([4], 1, 4, 0.25, 2) };
  const batchNorm = (from: string, attrs = BATCH_NORM): GraphNode => op("y", "FusedBatchNormV3", [from, "gamma", "beta", "mean", "variance"], attrs);
  const keras3 = (from: string): GraphNode[] => [
    op("shifted", "AddV2", ["variance", "epsilon"]),
    op("root", "Rsqrt", ["shifted"]),
    op("scale", "Mul", ["root", "gamma"]),
    op("scaled", "Mul", [from, "scale"]),
    op("moved", "Mul", ["mean", "scale"]),
    op("offset", "Sub", ["beta", "moved"]),
    op("y", "AddV2", ["scaled", "offset"]),
  ];
  const epsilon = float32([], 0.001);

  test("of convolutions, in one op and in Keras 3's seven, with a bias before them and without", async () => {
    await expectOps([image, conv(), batchNorm("conv")], { ...FILTER, ...moments }, IMAGE, ["_FusedConv2D(BiasAdd)"]);
    await expectOps([image, conv(), ...keras3("conv")], { ...FILTER, ...moments, epsilon }, IMAGE, ["_FusedConv2D(BiasAdd)"]);
    await expectOps([image, conv(), op("b", "BiasAdd", ["conv", "bias"]), batchNorm("b")], { ...FILTER, ...moments, bias: CHANNELS }, IMAGE, ["_FusedConv2D(BiasAdd)"]);
  });

  test("of depthwise convolutions, whose channels are two axes of the filter", async () => {
    const depthwise = op("conv", "DepthwiseConv2dNative", ["x", "w"], CONV);
    await expectOps([image, depthwise, batchNorm("conv")], { w: wave(3, 3, 2, 2), ...moments }, IMAGE, ["FusedDepthwiseConv2dNative(BiasAdd)"]);
  });

  test("of matrix products, transposed ones too", async () => {
    await expectOps([vector, op("m", "MatMul", ["x", "w"], MATMUL), ...keras3("m")], { w: wave(3, 4), ...moments, epsilon }, VECTOR, ["_FusedMatMul(BiasAdd)"]);
    await expectOps([vector, op("m", "MatMul", ["x", "w"], { ...MATMUL, transpose_b: boolAttr(true) }), ...keras3("m")], { w: wave(4, 3), ...moments, epsilon }, VECTOR, ["_FusedMatMul(BiasAdd)"]);
  });

  test("of products that transpose what they are given by none", async () => {
    const product = (attrs: object): GraphNode[] => [vector, op("m", "MatMul", ["x", "w"], { ...MATMUL, ...attrs }), op("y", "AddV2", ["m", "k"])];
    const tall = { "x:0": wave(3, 2) };
    await expectOps([input("x", [3, 2]), ...product({ transpose_a: boolAttr(true) }).slice(1)], { w: wave(3, 4), k: CHANNELS }, tall, ["AddV2", "MatMul"]);
    // Quantised ones too, whose bytes are the same; what was fused with a bias before is right then on wasm.
    const quantised: ImportedTensor = { name: "w", dtype: "float32", shape: [4, 3], width: 2, quantization: { dtype: "uint16", scale: 0.01, min: -3 }, bytes: new Uint8Array(Uint16Array.from({ length: 12 }, (_, i) => i * 70).buffer) };
    await expectOps(product({ transpose_b: boolAttr(true) }), { w: quantised, k: CHANNELS }, VECTOR, ["_FusedMatMul(BiasAdd)"]);
    const fused = op("y", "_FusedMatMul", ["x", "w", "k"], { ...MATMUL, transpose_b: boolAttr(true), fused_ops: textsAttr(["BiasAdd"]), num_args: intAttr(1) });
    const graph = graphOf([vector, fused], { w: quantised, k: CHANNELS });
    const right = await answersOf(graph, VECTOR, ["y:0"], "cpu");
    expect(distance(right, await answersOf(graph, VECTOR, ["y:0"], "wasm"))).toBeGreaterThan(0.1);
    optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
    expect(distance(right, await answersOf(graph, VECTOR, ["y:0"], "wasm"))).toBeLessThan(1e-6);
    // The weights are needed as they lie, too.
    const also = [input("q", [4, 3]), op("z", "Mul", ["w", "q"])];
    await expectOps([...product({ transpose_b: boolAttr(true) }), ...also], { w: wave(4, 3), k: CHANNELS }, { ...VECTOR, "q:0": wave(4, 3) }, ["AddV2", "MatMul", "Mul"], ["y:0", "z:0"]);
  });

  test("of two convolutions with the same weights once, where both are scaled alike", async () => {
    const nodes = [image, input("z", [-1, 5, 5, 2]), conv(), conv("other", "w", "z"), op("y", "Mul", ["conv", "k"]), op("v", "Mul", ["other", "l"])];
    const feeds = { ...IMAGE, "z:0": wave(1, 5, 5, 2) };
    await expectOps(nodes, { ...FILTER, k: CHANNELS, l: CHANNELS }, feeds, ["Conv2D", "Conv2D"], ["y:0", "v:0"]);
    await expectOps(nodes, { ...FILTER, k: CHANNELS, l: float32([4], 1, 2, 3, 4) }, feeds, ["Conv2D", "Conv2D", "Mul", "Mul"], ["y:0", "v:0"]);
  });

  test("divided by a constant, and by one number for all channels", async () => {
    await expectOps([image, conv(), op("y", "RealDiv", ["conv", "k"])], { ...FILTER, k: CHANNELS }, IMAGE, ["Conv2D"]);
    await expectOps([image, conv(), op("y", "Mul", ["k", "conv"])], { ...FILTER, k: float32([], 3) }, IMAGE, ["Conv2D"]);
  });

  test("but not in training, not of channels that come first, not where the convolution is needed itself", () => {
    const left = (nodes: GraphNode[], fetches: string[] = ["y:0"]): string[] => {
      const graph = graphOf([image, ...nodes], { ...FILTER, ...moments });
      optimiseGraph(graph, { feeds: ["x:0"], fetches });
      return opsOf(graph.nodes);
    };
    expect(left([conv(), batchNorm("conv", { ...BATCH_NORM, is_training: boolAttr(true) })])).toEqual(["Conv2D", "FusedBatchNormV3"]);
    expect(left([op("conv", "Conv2D", ["x", "w"], { ...CONV, data_format: textAttr("NCHW") }), batchNorm("conv", { ...BATCH_NORM, data_format: textAttr("NCHW") })])).toEqual(["Conv2D", "FusedBatchNormV3"]);
    expect(left([conv(), batchNorm("conv")], ["y:0", "conv:0"])).toEqual(["Conv2D", "FusedBatchNormV3"]);
    expect(left([conv(), batchNorm("conv"), op("z", "Neg", ["conv"])], ["y:0", "z:0"])).toEqual(["Conv2D", "FusedBatchNormV3", "Neg"]);
    expect(left([conv(), batchNorm("conv"), op("z", "Neg", ["y:1"])], ["y:0", "z:0"])).toEqual(["Conv2D", "FusedBatchNormV3", "Neg"]);
    expect(left([{ ...conv(), inputs: ["x", "w", "^x"] }, batchNorm("conv")])).toEqual(["Conv2D", "FusedBatchNormV3"]);
  });

  test("and not of weights that are quantised, which a bias leaves as they are", async () => {
    const quantised: ImportedTensor = { name: "w", dtype: "float32", shape: [3, 3, 2, 4], width: 1, quantization: { dtype: "uint8", scale: 0.01, min: -1 }, bytes: Uint8Array.from({ length: 72 }, (_, i) => i * 3) };
    await expectOps([image, conv(), op("y", "Mul", ["conv", "k"])], { w: quantised, k: CHANNELS }, IMAGE, ["Conv2D", "Mul"]);
    const run = await optimised(graphOf([image, conv(), op("b", "AddV2", ["conv", "k"]), op("y", "Relu", ["b"])], { w: quantised, k: CHANNELS }), IMAGE, ["y:0"]);
    expect(run.ops).toEqual(["_FusedConv2D(BiasAdd,Relu)"]);
    expect(run.after).toEqual(run.before);
    expect(run.graph.constants.get("w")).toEqual({ kind: "stored", tensor: quantised });
  });
});

describe("biases", () => {
  test.each([
    ["BiasAdd", CHANNELS],
    ["AddV2", { ...CHANNELS, shape: [1, 1, 1, 4] }],
    ["Add", float32([], 2)],
    ["Sub", CHANNELS],
  ])("become part of a convolution: %s", async (kind, k) => {
    await expectOps([image, conv(), op("y", kind, ["conv", "k"])], { ...FILTER, k }, IMAGE, ["_FusedConv2D(BiasAdd)"]);
  });

  test("one after another are added up", async () => {
    await expectOps([image, conv(), op("a", "BiasAdd", ["conv", "k"]), op("y", "AddV2", ["l", "a"])], { ...FILTER, k: CHANNELS, l: float32([1], 3) }, IMAGE, ["_FusedConv2D(BiasAdd)"]);
  });

  test.each([
    ["along another axis", { ...CHANNELS, shape: [4, 1] }, ["AddV2", "Conv2D"]],
    ["for each pixel", wave(3, 3, 4), ["AddV2", "Conv2D"]],
    ["with more axes than the result", { ...CHANNELS, shape: [1, 1, 1, 1, 4] }, ["AddV2", "Conv2D"]],
  ])("stay apart %s", async (_, k, ops) => {
    const constants = { w: wave(2, 2, 2, 4), k };
    const run = await optimised(graphOf([image, op("conv", "Conv2D", ["x", "w"], CONV), op("y", "AddV2", ["conv", "k"])], constants), IMAGE, ["conv:0"]);
    expect(run.after).toEqual(run.before);
    const graph = graphOf([image, op("conv", "Conv2D", ["x", "w"], CONV), op("y", "AddV2", ["conv", "k"])], constants);
    optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
    expect(opsOf(graph.nodes)).toEqual(ops);
  });

  test("stay apart where they are not constant", async () => {
    await expectOps([image, conv(), conv("other", "v"), op("y", "AddV2", ["conv", "other"])], { ...FILTER, v: float32([3, 3, 2, 4], ...Array.from({ length: 72 }, (_, i) => i / 50)) }, IMAGE, ["AddV2", "Conv2D", "Conv2D"]);
  });
});

describe("activations", () => {
  const activations = [
    op("y", "Relu", ["b"]),
    op("y", "Relu6", ["b"]),
    op("y", "Elu", ["b"]),
    op("y", "Sigmoid", ["b"]),
    op("y", "LeakyRelu", ["b"], { alpha: floatAttr(0.3) }),
    op("y", "Prelu", ["b", "alpha"]),
  ].map((node): [string, GraphNode] => [node.op, node]);
  const constants = { k: CHANNELS, alpha: float32([1, 1, 4], 0.1, 0.2, -0.3, 2) };

  test.each(activations)("%s becomes part of a convolution, with a bias and without", async (kind, node) => {
    await expectOps([image, conv(), op("b", "BiasAdd", ["conv", "k"]), node], { ...FILTER, ...constants }, IMAGE, [`_FusedConv2D(BiasAdd,${kind})`]);
    await expectOps([image, conv("b"), node], { ...FILTER, ...constants }, IMAGE, [`_FusedConv2D(NoOp,${kind})`]);
  });

  test.each(activations)("%s becomes part of a depthwise convolution, where TF.js reads what it needs of it", async (kind, node) => {
    const depthwise = op("conv", "DepthwiseConv2dNative", ["x", "w"], CONV);
    const ops = kind === "LeakyRelu" ? ["FusedDepthwiseConv2dNative(BiasAdd)", "LeakyRelu"] : [`FusedDepthwiseConv2dNative(BiasAdd,${kind})`];
    await expectOps([image, depthwise, op("b", "BiasAdd", ["conv", "k"]), node], { w: wave(3, 3, 2, 2), ...constants }, IMAGE, ops);
  });

  test.each(activations)("%s becomes part of a matrix product", async (kind, node) => {
    const weights = { w: wave(3, 4), ...constants, alpha: float32([4], 0.1, 0.2, -0.3, 2) };
    await expectOps([vector, op("m", "MatMul", ["x", "w"], MATMUL), op("b", "AddV2", ["m", "k"]), node], weights, VECTOR, [`_FusedMatMul(BiasAdd,${kind})`]);
    await expectOps([vector, op("b", "MatMul", ["x", "w"], MATMUL), node], weights, VECTOR, kind === "Prelu" ? ["MatMul", "Prelu"] : [`_FusedMatMul(NoOp,${kind})`]);
  });

  test("stay apart where what is before them is fetched, read elsewhere, or has one already", async () => {
    await expectOps([image, conv(), op("y", "Relu", ["conv"])], FILTER, IMAGE, ["Conv2D", "Relu"], ["y:0", "conv:0"]);
    await expectOps([image, conv(), op("r", "Relu", ["conv"]), op("y", "Mul", ["r", "conv"])], FILTER, IMAGE, ["Conv2D", "Mul", "Relu"]);
    await expectOps([image, conv(), op("r", "Relu", ["conv"]), op("y", "Sigmoid", ["r"])], FILTER, IMAGE, ["Sigmoid", "_FusedConv2D(NoOp,Relu)"]);
  });

  test("a clamp after a maximum goes before it", async () => {
    const pool = op("p", "MaxPool", ["conv"], MAX_POOL);
    await expectOps([image, conv(), pool, op("y", "Relu6", ["p"])], FILTER, IMAGE, ["MaxPool", "_FusedConv2D(NoOp,Relu6)"]);
    await expectOps([image, conv(), pool, op("y", "Relu6", ["p"])], FILTER, IMAGE, ["Conv2D", "MaxPool", "Relu6"], ["y:0", "p:0"]);
  });

  test("Keras' four ops for PReLU become one", async () => {
    const prelu = (slope: string): GraphNode[] => [op("r", "Relu", ["conv"]), op("n", "Neg", ["conv"]), op("rn", "Relu", ["n"]), op("m", "Mul", [slope, "rn"]), op("y", "AddV2", ["r", "m"])];
    await expectOps([image, conv(), ...prelu("alpha")], { ...FILTER, ...constants }, IMAGE, ["_FusedConv2D(NoOp,Prelu)"]);
    // Slopes along the rows are not what the wasm backend's op takes.
    await expectOps([image, conv(), ...prelu("rows")], { ...FILTER, rows: float32([3, 1, 1], 1, 2, 3) }, IMAGE, ["AddV2", "Conv2D", "Mul", "Neg", "Relu", "Relu"]);
  });
});

describe("padding with zeros", () => {
  const around = int32([4, 2], 0, 0, 1, 2, 0, 1, 0, 0);
  const pad = op("p", "Pad", ["x", "around"]);

  test("becomes a convolution's own, depthwise or not, on top of what it has", async () => {
    await expectOps([image, pad, conv("y", "w", "p")], { ...FILTER, around }, IMAGE, ["Conv2D"]);
    const strided = { ...CONV, strides: intsAttr([1, 2, 2, 1]), padding: textAttr("EXPLICIT"), explicit_paddings: intsAttr([0, 0, 1, 0, 0, 0, 0, 0]) };
    await expectOps([image, pad, op("c", "DepthwiseConv2dNative", ["p", "w"], strided), op("y", "Relu6", ["c"])], { w: wave(3, 3, 2, 2), around }, IMAGE, ["FusedDepthwiseConv2dNative(NoOp,Relu6)"]);
  });

  test("stays before one that pads by its input's size, of channels, by another value, or for others to read", async () => {
    await expectOps([image, pad, op("y", "Conv2D", ["p", "w"], { ...CONV, padding: textAttr("SAME") })], { ...FILTER, around }, IMAGE, ["Conv2D", "Pad"]);
    await expectOps([image, pad, conv("y", "w", "p")], { w: wave(3, 3, 3, 4), around: int32([4, 2], 0, 0, 0, 0, 0, 0, 0, 1) }, IMAGE, ["Conv2D", "Pad"]);
    await expectOps([image, op("p", "PadV2", ["x", "around", "one"]), conv("y", "w", "p")], { ...FILTER, around, one: float32([], 1) }, IMAGE, ["Conv2D", "PadV2"]);
    await expectOps([image, pad, conv("y", "w", "p"), op("z", "Neg", ["p"])], { ...FILTER, around }, IMAGE, ["Conv2D", "Neg", "Pad"], ["y:0", "z:0"]);
  });
});

test("a damaged graph, whose nodes go round in circles or read what is not there, is left with its faults", () => {
  const graph = graphOf([vector, op("a", "Identity", ["b"]), op("b", "Identity", ["a"]), op("c", "Neg", ["d", "a"]), op("d", "Neg", ["c"]), op("self", "Identity", ["self"]), op("bare", "Identity"), op("y", "AddN", ["d", "nobody", "self", "bare", "b"])]);
  optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
  expect(graph.nodes.find(({ name }) => name === "y")?.inputs).toContain("nobody");
  expect(opsOf(graph.nodes)).toContain("AddN");
});

test("thousands of nodes take no time to speak of", () => {
  const count = 20_000;
  const chain = Array.from({ length: count }, (_, i) => op(`n${i}`, i % 2 === 0 ? "Identity" : "Neg", [i === 0 ? "x" : `n${i - 1}`]));
  const graph = graphOf([vector, ...chain, op("y", "Neg", [`n${count - 1}`])]);
  const start = performance.now();
  optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
  expect(performance.now() - start).toBeLessThan(5_000);
  expect(graph.nodes.length).toBe(count / 2 + 2);
});

test("each stage reports what it did, and a graph that was optimised is not changed again", async () => {
  const graph = graphOf([image, conv(), op("b", "BiasAdd", ["conv", "k"]), op("r", "Relu", ["b"]), op("y", "Identity", ["r"])], { ...FILTER, k: CHANNELS });
  const reports = optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
  expect(reports.filter(({ did }) => did.length > 0)).toEqual([
    { stage: "drop", nodesBefore: 7, nodesAfter: 6, did: ["Identity: 1"] },
    { stage: "fold batch norms", nodesBefore: 6, nodesAfter: 5, did: ["BiasAdd into bias: 1"] },
    { stage: "fuse activations", nodesBefore: 5, nodesAfter: 4, did: ["Relu: 1"] },
  ]);
  const before = structuredClone(graph);
  expect(optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] }).every(({ did }) => did.length === 0)).toBe(true);
  expect(graph).toEqual(before);
  expect(await answersOf(graph, IMAGE, ["y:0"], "wasm")).toHaveProperty(["y:0", "shape"], [1, 3, 3, 4]);
});

test("dtypes of attributes are no hindrance, those of integers are", () => {
  const left = (type: string): string[] => {
    const graph = graphOf([vector, op("m", "MatMul", ["x", "w"], { ...MATMUL, T: typeAttr(type) }), op("y", "Relu", ["m"])], { w: wave(3, 4) });
    optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
    return opsOf(graph.nodes);
  };
  expect(left("DT_FLOAT")).toEqual(["_FusedMatMul(NoOp,Relu)"]);
  expect(left("DT_INT32")).toEqual(["MatMul", "Relu"]);
});
