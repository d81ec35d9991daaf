import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseGraphFile } from "../../../../protocol/graph.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import { sizesOf } from "../../../../sync-server/import/graph/fold-sizes.ts";
import type { Graph, GraphNode } from "../../../../sync-server/import/graph/graph.ts";
import { nodeNamesOf } from "../../../../sync-server/import/graph/node-names.ts";
import { Body } from "../../../../sync-server/import/graph/optimise-body.ts";
import { optimiseGraph } from "../../../../sync-server/import/graph/optimise-graph.ts";
import { readGraphFile } from "../../../../sync-server/import/graph/read-graph-file.ts";
import { importModel } from "../../../../sync-server/import/index.ts";
import { answersOf, boolAttr, distance, float32, graphOf, input, int32, intAttr, intsAttr, MATMUL, op, opsOf, optimised, textAttr, typeAttr, wave } from "../../../support/import-graphs.ts";
import { realInputs } from "../../../support/real-inputs.ts";
import { copyRealModel } from "../../../support/real-models.ts";

const SLICE = Object.fromEntries(["begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask"].map((name) => [name, intAttr(0)]));
const element = (name: string, from: string, to: string): GraphNode => op(name, "StridedSlice", ["s", from, to, "one"], { ...SLICE, shrink_axis_mask: intAttr(1) });
const COUNTS = { zero: int32([1], 0), one: int32([1], 1), two: int32([1], 2), three: int32([1], 3), axis0: int32([], 0) };

async function opsAfter(nodes: readonly GraphNode[], constants: Readonly<Record<string, Tensor>>, feeds: Readonly<Record<string, Tensor>>, fetches: readonly string[] = ["y:0"]): Promise<readonly string[]> {
  for (const backend of ["wasm", "cpu"] as const) {
    const run = await optimised(graphOf(nodes, constants), feeds, fetches, backend);
    expect(distance(run.before, run.after), backend).toBeLessThan(1e-6);
    if (backend === "cpu") return run.ops;
  }
  return [];
}

describe("sizes that placeholders state", () => {
  const x = input("x", [-1, 3, 4]);
  const feeds = { "x:0": wave(2, 3, 4) };

  test("become constants, and what is computed of them", async () => {
    const nodes = [x, op("s", "Shape", ["x"]), element("h", "one", "two"), element("w", "two", "three"), op("a", "Mul", ["h", "w"]), op("b", "Cast", ["a"], { DstT: typeAttr("DT_FLOAT") }), op("y", "Mul", ["x", "b"])];
    expect(await opsAfter(nodes, COUNTS, feeds)).toEqual(["Mul"]);
  });

  test("an open one does not", async () => {
    const nodes = [x, op("s", "Shape", ["x"]), element("n", "zero", "one"), op("b", "Cast", ["n"], { DstT: typeAttr("DT_FLOAT") }), op("y", "Mul", ["x", "b"])];
    expect(await opsAfter(nodes, COUNTS, feeds)).toEqual(["Cast", "Mul", "Shape", "StridedSlice"]);
  });

  test("are not those of what is fed in a placeholder's stead, or has no rank", async () => {
    const nodes = [x, op("f", "Neg", ["x"]), op("s", "Shape", ["f"]), element("h", "one", "two"), op("b", "Cast", ["h"], { DstT: typeAttr("DT_FLOAT") }), op("y", "Mul", ["f", "b"])];
    expect(await opsAfter(nodes, COUNTS, { ...feeds, "f:0": wave(5, 5, 5) })).toContain("Shape");
    const open = [op("x", "Placeholder", [], { dtype: typeAttr("DT_FLOAT"), shape: { shape: { unknownRank: true } } }), ...nodes.slice(1)];
    expect(await opsAfter(open, COUNTS, feeds)).toContain("Shape");
  });
});

describe("Reshape and Transpose", () => {
  const x = input("x", [-1, 3, 4]);
  const feeds = { "x:0": wave(2, 3, 4) };

  test("go where they change nothing, and stay where they do", async () => {
    const nodes = [x, op("t", "Transpose", ["x", "same"]), op("r", "Reshape", ["t", "shape"]), op("y", "Neg", ["r"])];
    expect(await opsAfter(nodes, { same: int32([3], 0, 1, 2), shape: int32([3], -1, 3, 4) }, feeds)).toEqual(["Neg"]);
    expect(await opsAfter(nodes, { same: int32([3], 0, 2, 1), shape: int32([3], -1, 3, 4) }, feeds)).toEqual(["Neg", "Reshape", "Transpose"]);
  });

  test("stay for who waits for them", () => {
    const graph = graphOf([x, op("t", "Transpose", ["x", "same"]), op("r", "Reshape", ["t", "shape"]), op("y", "Neg", ["r", "^t", "^r"])], { same: int32([3], 0, 1, 2), shape: int32([3], -1, 3, 4) });
    optimiseGraph(graph, { feeds: ["x:0"], fetches: ["y:0"] });
    expect(graph.nodes.find(({ name }) => name === "y")?.inputs).toEqual(["x", "^t", "^r"]);
    expect(opsOf(graph.nodes)).toEqual(["Neg", "Reshape", "Transpose"]);
  });

  test("Keras' dense layer over several axes is one fused product between two of them", async () => {
    const relu = op("y", "Relu", ["d"]);
    const dense = [
      x,
      op("s", "Shape", ["x"]),
      op("outer", "GatherV2", ["s", "free", "axis0"]),
      op("inner", "GatherV2", ["s", "two", "axis0"]),
      op("rows", "Prod", ["outer", "zero"], { keep_dims: boolAttr(false) }),
      op("columns", "Prod", ["inner", "zero"], { keep_dims: boolAttr(false) }),
      op("flat", "Pack", ["rows", "columns"], { axis: intAttr(0) }),
      op("t", "Transpose", ["x", "same"]),
      op("r", "Reshape", ["t", "flat"]),
      op("m", "MatMul", ["r", "w"], MATMUL),
      op("whole", "ConcatV2", ["outer", "units", "axis0"], { N: intAttr(2) }),
      op("u", "Reshape", ["m", "whole"]),
      op("d", "BiasAdd", ["u", "bias"]),
      relu,
    ];
    const constants = { ...COUNTS, free: int32([2], 0, 1), same: int32([3], 0, 1, 2), units: int32([1], 5), w: wave(4, 5), bias: float32([5], 1, 2, 3, 4, 5) };
    expect(await opsAfter(dense, constants, feeds)).toEqual(["Reshape", "Reshape", "_FusedMatMul(BiasAdd,Relu)"]);
    // Without its channels last, what is added to it is spread over them, and is none of the product's.
    const turned = [x, op("r", "Reshape", ["x", "flat"]), op("m", "MatMul", ["r", "w"], MATMUL), op("u", "Reshape", ["m", "other"]), op("y", "AddV2", ["u", "bias"])];
    expect(await opsAfter(turned, { flat: int32([2], -1, 4), other: int32([2], -1, 1), w: wave(4, 5), bias: float32([5], 1, 2, 3, 4, 5) }, feeds)).toEqual(["AddV2", "MatMul", "Reshape", "Reshape"]);
  });
});

describe("the mean of an image", () => {
  const x = input("x", [-1, 5, 6, 3]);
  const feeds = { "x:0": wave(2, 5, 6, 3) };
  const mean = (from: string, keeps: boolean, type = "DT_FLOAT"): GraphNode => op("y", "Mean", [from, "axes"], { keep_dims: boolAttr(keeps), T: typeAttr(type) });

  test("is a pool of its size", async () => {
    expect(await opsAfter([x, mean("x", true)], { axes: int32([2], 1, 2) }, feeds)).toEqual(["AvgPool"]);
    expect(await opsAfter([x, mean("x", false)], { axes: int32([2], -2, -3) }, feeds)).toEqual(["AvgPool", "Reshape"]);
  });

  test("is none over other axes, of integers, or where the size is not known", async () => {
    expect(await opsAfter([x, mean("x", true)], { axes: int32([2], 1, 3) }, feeds)).toEqual(["Mean"]);
    expect(await opsAfter([input("x", [-1, -1, 6, 3]), mean("x", true)], { axes: int32([2], 1, 2) }, feeds)).toEqual(["Mean"]);
    expect(await opsAfter([input("x", [2, 2, 2, 1], "DT_INT32"), mean("x", true, "DT_INT32")], { axes: int32([2], 1, 2) }, { "x:0": int32([2, 2, 2, 1], 1, 2, 3, 4, 5, 6, 7, 8) })).toEqual(["Mean"]);
  });
});

describe("what is known of shapes is so", () => {
  let root = "";
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "ashore-shapes-"));
  });
  afterAll(() => rm(root, { recursive: true }));

  /** Runs a graph and compares each shape and value that is known of it. */
  async function holds(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Promise<number> {
    const kept = new Set(Object.keys(feeds).map((name) => name.replace(/:0$/, "")));
    const known = sizesOf(new Body(graph, { constants: graph.constants, kept, names: nodeNamesOf(graph), ambiguous: new Set() }));
    const ops = new Map(graph.nodes.map((node) => [node.name, node.op]));
    const names = [...known.keys()].filter((name) => ops.get(name) !== "Const" && !kept.has(name));
    const answers = await answersOf(graph, feeds, names, "wasm");
    for (const name of names) {
      const { shape, values } = known.get(name) ?? { shape: [] };
      const actual = answers[name];
      expect(shape.map((size, axis) => size ?? actual?.shape[axis]), `${ops.get(name) ?? ""} ${name}`).toEqual(actual?.shape);
      expect(values?.map((value, i) => value ?? Number(actual?.data[i])) ?? [], name).toEqual(values === undefined ? [] : Array.from(actual?.data as Int32Array));
    }
    return names.length;
  }

  test.each(["antispoof", "basic-pitch", "blazeface", "emotion", "facemesh"] as const)("of %s", async (name) => {
    const folder = join(root, name);
    await copyRealModel(name, folder);
    const imported = await importModel(folder, { optimise: false });
    const { graph } = readGraphFile(parseGraphFile(imported.graph), imported.tensors);
    expect(await holds(graph, realInputs(name, imported.signatureDefs).feeds)).toBeGreaterThan(10);
  });

  test("of each op on odd sizes", async () => {
    const conv = (name: string, kind: string, padding: string, stride: number, filter: string): GraphNode =>
      op(name, kind, ["x", filter], { strides: intsAttr([1, stride, stride, 1]), padding: textAttr(padding), dilations: intsAttr([1, 1, 1, 1]) });
    const pool = (name: string, padding: string): GraphNode => op(name, "MaxPool", ["x"], { ksize: intsAttr([1, 3, 2, 1]), strides: intsAttr([1, 2, 2, 1]), padding: textAttr(padding) });
    const graph = graphOf(
      [
        input("x", [-1, 7, 6, 2]),
        conv("c1", "Conv2D", "SAME", 2, "w"),
        conv("c2", "Conv2D", "VALID", 2, "w"),
        conv("c3", "DepthwiseConv2dNative", "VALID", 1, "w"),
        pool("p1", "SAME"),
        pool("p2", "VALID"),
        op("row", "Reshape", ["x", "flat"]),
        op("m", "MatMul", ["row", "k"], { ...MATMUL, transpose_b: boolAttr(true) }),
        op("b", "BatchMatMulV2", ["x", "q"], { adj_x: boolAttr(true), adj_y: boolAttr(false) }),
        op("sum", "Sum", ["x", "axes"], { keep_dims: boolAttr(false) }),
        op("kept", "Max", ["x", "axes"], { keep_dims: boolAttr(true) }),
        op("wide", "AddV2", ["kept", "x"]),
        op("more", "ExpandDims", ["sum", "minus"]),
        op("less", "Squeeze", ["more"], { squeeze_dims: intsAttr([-1]) }),
        op("cat", "ConcatV2", ["x", "wide", "minus"], { N: intAttr(2) }),
        op("pack", "Pack", ["sum", "less"], { axis: intAttr(1) }),
        op("turn", "Transpose", ["x", "perm"]),
        op("take", "GatherV2", ["x", "places", "minus"]),
        op("s", "Shape", ["turn"]),
        op("part", "StridedSlice", ["s", "one", "three", "one"], { ...SLICE, shrink_axis_mask: intAttr(0) }),
        op("rank", "Rank", ["x"]),
      ],
      { w: wave(3, 2, 2, 3), flat: int32([2], -1, 84), k: wave(5, 84), q: wave(6, 4), axes: int32([2], 1, -1), minus: int32([], -1), perm: int32([4], 3, 0, 2, 1), places: int32([1, 3], 0, 1, 0), one: int32([1], 1), three: int32([1], 3) },
    );
    expect(await holds(graph, { "x:0": wave(3, 7, 6, 2) })).toBe(20);
  });
});
