import { expect, test } from "vitest";
import { mulberry32 } from "../../../../protocol/self-test.ts";
import type { Tensor } from "../../../../protocol/tensor.ts";
import type { GraphNode } from "../../../../sync-server/import/graph/graph.ts";
import { BATCH_NORM, boolAttr, distance, floatAttr, graphOf, input, int32, intsAttr, MATMUL, MAX_POOL, op, optimised, textAttr, typeAttr } from "../../../support/import-graphs.ts";

const SEEDS = Number(process.env["ASHORE_FUZZ"] ?? 150);
const CHANNELS = 3;
const FLOAT = { T: typeAttr("DT_FLOAT") };

interface Drawn {
  readonly nodes: readonly GraphNode[];
  readonly constants: Readonly<Record<string, Tensor>>;
  readonly fetches: readonly string[];
}

/** A graph of images and rows with three channels, of ops that the stages look for, at random; some of what it computes is fetched. */
function draw(seed: number): Drawn {
  const random = mulberry32(seed);
  const below = (n: number): number => Math.floor(random() * n);
  const any = <T>(...values: readonly [T, ...T[]]): T => values[below(values.length)] ?? values[0];
  const nodes: GraphNode[] = [input("x", [any(-1, 2), 6, 6, CHANNELS])];
  const constants: Record<string, Tensor> = {};
  // Of each tensor so far its name, and whether it is an image of 6 x 6; rows otherwise.
  const images: string[] = ["x"];
  const rows: string[] = [];
  const add = (to: string[], kind: string, inputs: string[], attrs = {}): void => {
    const name = `n${nodes.length}`;
    nodes.push(op(name, kind, inputs, attrs));
    to.push(name);
  };
  const hold = (tensor: Tensor): string => {
    const name = `k${Object.keys(constants).length}`;
    constants[name] = tensor;
    return name;
  };
  const floats = (...shape: number[]): string => hold({ dtype: "float32", shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random() * 2 - 0.9) });
  // Constants come again, and so do equal ones.
  const known = [floats(CHANNELS), floats(), floats(1, 1, 1, CHANNELS), hold({ dtype: "float32", shape: [], data: Float32Array.of(0.5) }), hold({ dtype: "float32", shape: [], data: Float32Array.of(0.5) })] as const;
  const filters = [floats(3, 3, CHANNELS, CHANNELS), floats(1, 1, CHANNELS, CHANNELS)] as const;
  const factor = (): string => any(...known, floats(CHANNELS), floats(6, CHANNELS), floats(CHANNELS));
  const recent = (from: readonly string[]): string => from[Math.max(0, from.length - 1 - below(random() < 0.8 ? 1 : 5))] ?? "x";
  const size = 4 + below(14);
  for (let i = 0; i < size; i++) {
    const x = recent(images);
    const conv = { strides: intsAttr([1, 1, 1, 1]), padding: textAttr("SAME"), dilations: intsAttr([1, 1, 1, 1]), data_format: textAttr("NHWC"), ...FLOAT };
    const onImage: (() => void)[] = [
      () => add(images, "Conv2D", [x, any(...filters, floats(3, 3, CHANNELS, CHANNELS))], conv),
      () => add(images, "DepthwiseConv2dNative", [x, floats(3, 3, CHANNELS, 1)], conv),
      () => {
        const pad = hold(int32([4, 2], 0, 0, 1, 1, any(1, 2), any(1, 0), 0, 0));
        const sides = constants[pad]?.data as Int32Array;
        const name = `n${nodes.length}`;
        nodes.push(op(name, "Pad", [x, pad]));
        add(images, "Conv2D", [name, floats(3, (sides[4] ?? 0) + (sides[5] ?? 0) + 1, CHANNELS, CHANNELS)], { ...conv, padding: textAttr("VALID") });
      },
      () => add(images, "BiasAdd", [x, any(known[0], floats(CHANNELS))], FLOAT),
      () => add(images, any("AddV2", "Mul", "Sub", "Add"), random() < 0.8 ? [x, factor()] : [factor(), x], FLOAT),
      () => add(images, any("AddV2", "Mul"), [x, recent(images)], FLOAT),
      () => add(images, any("Relu", "Relu6", "Elu", "Sigmoid", "Identity", "Neg", "StopGradient"), [x], FLOAT),
      () => add(images, "LeakyRelu", [x], { alpha: floatAttr(0.3), ...FLOAT }),
      () => add(images, "Prelu", [x, any(known[0], floats(1, 1, CHANNELS))]),
      () => add(images, "FusedBatchNormV3", [x, floats(CHANNELS), known[0], floats(CHANNELS), hold({ dtype: "float32", shape: [CHANNELS], data: Float32Array.of(1, 0.5, 2) })], BATCH_NORM),
      () => add(images, "Transpose", [x, hold(int32([4], ...any([0, 1, 2, 3], [0, 2, 1, 3])))]),
      () => add(rows, "Reshape", [x, hold(int32([2], -1, CHANNELS))]),
      () => add(rows, "Mean", [x, hold(int32([2], 1, 2))], { keep_dims: boolAttr(false), ...FLOAT }),
      () => {
        const pool = `n${nodes.length}`;
        nodes.push(op(pool, "MaxPool", [x], { ...MAX_POOL, ksize: intsAttr([1, 1, 1, 1]), strides: intsAttr([1, 1, 1, 1]), ...FLOAT }));
        add(images, any("Relu", "Relu6", "Sigmoid"), [pool], FLOAT);
      },
    ];
    const row = rows.length === 0 ? undefined : recent(rows);
    if (row !== undefined && random() < 0.4) {
      const onRow: (() => void)[] = [
        () => add(rows, "MatMul", [row, floats(CHANNELS, CHANNELS)], { ...MATMUL, transpose_b: boolAttr(random() < 0.4) }),
        () => add(rows, "BiasAdd", [row, known[0]], FLOAT),
        () => add(rows, any("AddV2", "Mul"), [row, any(known[0], known[1], floats(CHANNELS))], FLOAT),
        () => add(rows, any("Relu", "Sigmoid", "Elu", "Identity"), [row], FLOAT),
        () => add(images, "Reshape", [recent(images), hold(int32([4], -1, 6, 6, CHANNELS))]),
      ];
      any(...(onRow as [() => void, ...(() => void)[]]))();
    } else {
      any(...(onImage as [() => void, ...(() => void)[]]))();
    }
  }
  const last = [images.at(-1) ?? "x", ...rows.slice(-1)];
  const fetches = [...new Set([...last, ...nodes.slice(1).filter(() => random() < 0.08).map(({ name }) => name)])].filter((name) => name !== "x");
  return { nodes, constants, fetches: fetches.map((name) => `${name}:0`) };
}

test(`graphs drawn at random answer as before, ${SEEDS} of them`, async () => {
  const x: Tensor = { dtype: "float32", shape: [2, 6, 6, CHANNELS], data: Float32Array.from({ length: 2 * 36 * CHANNELS }, mulberry32(5)) };
  let smaller = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { nodes, constants, fetches } = draw(seed);
    if (fetches.length === 0) continue;
    const graph = graphOf(nodes, constants);
    const count = graph.nodes.length;
    const run = await optimised(graph, { "x:0": x }, fetches, seed % 2 === 0 ? "wasm" : "cpu");
    expect(distance(run.before, run.after), `seed ${seed}: ${JSON.stringify(nodes.map(({ name, op, inputs }) => [name, op, ...inputs]))}, fetching ${fetches.join()}`).toBeLessThan(2e-5);
    if (run.graph.nodes.length < count) smaller += 1;
  }
  expect(smaller).toBeGreaterThan(SEEDS / 2);
}, 600_000);
