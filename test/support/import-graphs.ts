import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import { floatAttr, intAttr, intsAttr, boolAttr, shapeAttr, textAttr, textsAttr, textsOf, typeAttr, type Attrs } from "../../sync-server/import/graph/attrs.ts";
import type { Constant, Graph, GraphFunction, GraphNode } from "../../sync-server/import/graph/graph.ts";
import { optimiseGraph } from "../../sync-server/import/graph/optimise-graph.ts";
import { printGraph } from "../../sync-server/import/graph/print-graph.ts";
import type { ImportedTensor } from "../../sync-server/import/imported-model.ts";
import { packGraph } from "./pack-graph.ts";
import { WASM_PATH } from "./wasm-path.ts";

/** The import's graphs of a few nodes, written by hand, and what they answer before and after they are optimised. */

export const op = (name: string, kind: string, inputs: string[] = [], attrs: Attrs = {}): GraphNode => ({ name, op: kind, inputs, attrs });
export const input = (name: string, shape: readonly number[], type = "DT_FLOAT"): GraphNode => op(name, "Placeholder", [], { dtype: typeAttr(type), shape: shapeAttr(shape) });

export const float32 = (shape: readonly number[], ...values: number[]): Tensor => ({ dtype: "float32", shape, data: Float32Array.from(values) });
export const int32 = (shape: readonly number[], ...values: number[]): Tensor => ({ dtype: "int32", shape, data: Int32Array.from(values) });
export const bool = (shape: readonly number[], ...values: number[]): Tensor => ({ dtype: "bool", shape, data: Uint8Array.from(values) });

/** Floats that no two of are alike, positive and negative. */
export function wave(...shape: number[]): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  return { dtype: "float32", shape, data: Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7 + shape.length) + 0.1) };
}

export const CONV: Attrs = { strides: intsAttr([1, 1, 1, 1]), padding: textAttr("VALID"), dilations: intsAttr([1, 1, 1, 1]), data_format: textAttr("NHWC"), T: typeAttr("DT_FLOAT") };
export const BATCH_NORM: Attrs = { epsilon: floatAttr(0.01), is_training: boolAttr(false), data_format: textAttr("NHWC") };
export const MATMUL: Attrs = { transpose_a: boolAttr(false), transpose_b: boolAttr(false), T: typeAttr("DT_FLOAT") };
export const MAX_POOL: Attrs = { ksize: intsAttr([1, 2, 2, 1]), strides: intsAttr([1, 2, 2, 1]), padding: textAttr("VALID") };
export { boolAttr, floatAttr, intAttr, intsAttr, textAttr, textsAttr, typeAttr };

/** `constants` are put before the nodes, under the names of their keys. */
export function graphOf(nodes: readonly GraphNode[], constants: Readonly<Record<string, Tensor | ImportedTensor>> = {}, functions: GraphFunction[] = []): Graph {
  const held = Object.entries(constants).map(([name, tensor]): [string, Constant] => [name, "bytes" in tensor ? { kind: "stored", tensor } : { kind: "dense", tensor }]);
  return { nodes: [...Object.keys(constants).map((name) => op(name, "Const")), ...structuredClone(nodes)], constants: new Map(held), functions };
}

const host = createInProcessEngineHost({ wasmPath: WASM_PATH });

export interface Optimised {
  readonly graph: Graph;
  /** The graph's ops but for constants and placeholders, sorted; of fused ones with what is fused: `_FusedConv2D(BiasAdd,Relu)`. */
  readonly ops: readonly string[];
  readonly before: NamedTensors;
  readonly after: NamedTensors;
}

/** Answers of the graph before it is optimised and after. */
export async function optimised(graph: Graph, feeds: NamedTensors, fetches: readonly string[], backend: Backend = "cpu"): Promise<Optimised> {
  const before = await answersOf(graph, feeds, fetches, backend);
  optimiseGraph(graph, { feeds: Object.keys(feeds), fetches });
  return { graph, ops: opsOf(graph.nodes), before, after: await answersOf(graph, feeds, fetches, backend) };
}

export function opsOf(nodes: readonly GraphNode[]): string[] {
  const named = nodes.filter((node) => node.op !== "Const" && node.op !== "Placeholder");
  return named.map((node) => node.op + (textsOf(node.attrs, "fused_ops") === undefined ? "" : `(${textsOf(node.attrs, "fused_ops")?.join() ?? ""})`)).sort();
}

export async function answersOf(graph: Graph, feeds: NamedTensors, fetches: readonly string[], backend: Backend = "cpu"): Promise<NamedTensors> {
  const model = await host.load(packGraph(printGraph({ graph })), { backend });
  try {
    return await model.run(feeds, fetches);
  } finally {
    await model.close();
  }
}

/** The largest difference of any number, as a share of the largest number of its tensor; infinite where shapes or dtypes differ. */
export function distance(a: NamedTensors, b: NamedTensors): number {
  let worst = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(a)) {
    const other = b[name];
    if (other === undefined || other.dtype !== dtype || String(other.shape) !== String(shape)) return Number.POSITIVE_INFINITY;
    const [values, others] = [data, other.data].map((all) => Array.from(all as ArrayLike<number>, Number)) as [number[], number[]];
    const scale = values.reduce((most, x) => (Number.isFinite(x) ? Math.max(most, Math.abs(x)) : most), 1e-30);
    values.forEach((x, i) => {
      const y = others[i] ?? Number.NaN;
      if (x !== y && !(Number.isNaN(x) && Number.isNaN(y))) worst = Math.max(worst, Number.isNaN(x - y) ? Number.POSITIVE_INFINITY : Math.abs(x - y) / scale);
    });
  }
  return worst;
}
