import { dtypeOfProto } from "../../../protocol/dtype.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { ExampleFeature, SmallTensor } from "../../../protocol/manifest.ts";
import { jsonOfTensor } from "../../../protocol/small-tensor.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { nodeOf } from "../graph-nodes.ts";
import { intOf, shapeAttr, typeAttr } from "../graph/attrs.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { NodeNames } from "../graph/node-names.ts";
import { referTo } from "../graph/references.ts";
import { rewrite } from "../graph/rewrite.ts";
import { scalar, ints } from "../graph/tensor-values.ts";
import { refuse, reachOf, type Draft } from "./draft.ts";
import { sourceOf } from "./resolve.ts";

/** A parse_example op, taken apart. */
interface Parsed {
  readonly node: GraphNode;
  readonly features: readonly ExampleFeature[];
  /** The node that the serialized examples come from. */
  readonly serialized: string | undefined;
}

/**
 * Cuts parse_example away, which TF.js has not: its dense outputs become placeholders, and the signature defs whose input it read
 * say what the runtime parses and feeds instead. Sparse, ragged and variable-length features are refused by name.
 */
export function cutExamples(draft: Draft, names: NodeNames): string[] {
  const { graph, signatureDefs } = draft;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  let count = 0;
  for (const node of graph.nodes.filter(({ op }) => op === "ParseExample" || op === "ParseExampleV2")) {
    const using = [...signatureDefs].filter(([, def]) => reachOf(graph, def, false).nodes.has(node.name));
    if (using.length === 0) continue;
    const parsed = takeApart(node, graph, nodes, names);
    if (typeof parsed === "string") {
      for (const [name] of using) refuse(draft, name, parsed);
      continue;
    }
    count += 1;
    for (const [name, def] of using) {
      const inputs = Object.values(def.inputs);
      if (def.examples !== undefined || inputs.length !== 1 || nodeOf(inputs[0]?.name ?? "") !== parsed.serialized) {
        refuse(draft, name, `parses tf.Examples (the node ${node.name}) that are not its one input`);
        continue;
      }
      def.examples = { features: [...parsed.features] };
      // Old signature defs are written by hand, and TensorFlow Serving hands them strings whatever they say.
      for (const info of inputs) info.dtype = "string";
    }
    replaceOutputs(parsed, graph);
  }
  if (count > 0) sizesFromFeatures(draft, names);
  return count === 0 ? [] : [`cut away ${count} parse_example ops, whose features are fed instead`];
}

/** The op's features with a placeholder's name each, or why it cannot be cut away. */
function takeApart(node: GraphNode, graph: Graph, nodes: ReadonlyMap<string, GraphNode>, names: NodeNames): Parsed | string {
  const { op, inputs, attrs } = node;
  const isFirst = op === "ParseExample";
  const types = attrs["Tdense"]?.list?.type ?? [];
  const shapes = attrs["dense_shapes"]?.list?.shape ?? [];
  const sparse = isFirst ? intOf(attrs, "Nsparse", 0) : intOf(attrs, "num_sparse", 0);
  const textsAt = (from: number, to: number): string[] => inputs.slice(from, to).flatMap((input) => textsOf(graph, nodes, input));
  // ParseExample has an input for each key, ParseExampleV2 one for all of a kind.
  const sparseKeys = isFirst ? textsAt(2, 2 + sparse) : textsAt(2, 3);
  const denseKeys = isFirst ? textsAt(2 + sparse, 2 + sparse + types.length) : textsAt(3, 4);
  const raggedKeys = isFirst ? [] : textsAt(4, 5);
  const defaults = inputs.slice(isFirst ? 2 + sparse + types.length : 5);
  if (sparseKeys.length > 0) return `parses sparse features of tf.Examples (${sparseKeys.join(", ")}), which are not fed here; dense ones are`;
  if (raggedKeys.length > 0) return `parses ragged features of tf.Examples (${raggedKeys.join(", ")}), which are not fed here; dense ones are`;
  if (denseKeys.length !== types.length || shapes.length !== types.length || types.length === 0) return `parses tf.Examples by the node ${node.name}, whose keys and shapes are not constant`;
  if (types.length > LIMITS.exampleFeatures) return `parses ${types.length} features of tf.Examples; at most ${LIMITS.exampleFeatures} are fed`;
  const features: ExampleFeature[] = [];
  for (const [at, key] of denseKeys.entries()) {
    const dtype = dtypeOfProto(types[at] ?? "");
    const shape = (shapes[at]?.dim ?? []).map(({ size }) => Number(size));
    if (dtype !== "float32" && dtype !== "int64" && dtype !== "string") return `parses the feature ${key} of type ${types[at] ?? ""}, which tf.Examples do not have`;
    if (shapes[at]?.unknownRank === true || shape.some((size) => size < 0)) return `parses the feature ${key} of variable length, which is not fed here`;
    const value = valuesOf(graph, nodes, defaults[at]);
    if (value === undefined) return `parses the feature ${key}, whose default is not constant`;
    features.push({ key, tensor: `${names.fresh(`${node.name}/${at}`)}:0`, dtype, shape, ...defaultOf(value) });
  }
  return { node, features, serialized: sourceOf(inputs[0] ?? "", nodes)?.node.name };
}

/** No elements: there is no default. */
function defaultOf(value: Tensor): { default?: SmallTensor } {
  return value.data.length === 0 ? {} : { default: jsonOfTensor(value) };
}

function textsOf(graph: Graph, nodes: ReadonlyMap<string, GraphNode>, reference: string): string[] {
  const { data } = valuesOf(graph, nodes, reference) ?? { data: [] };
  return Array.from<unknown, string>(data, (text) => (text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : ""));
}

/** A constant's elements, whatever was made of its shape. */
function valuesOf(graph: Graph, nodes: ReadonlyMap<string, GraphNode>, reference: string | undefined): Tensor | undefined {
  let node = sourceOf(reference ?? "", nodes)?.node;
  for (let step = 0; node !== undefined && RESHAPES.has(node.op) && step < nodes.size; step++) node = sourceOf(node.inputs[0] ?? "", nodes)?.node;
  const constant = node === undefined ? undefined : graph.constants.get(node.name);
  return constant?.kind === "dense" ? constant.tensor : undefined;
}

const RESHAPES: ReadonlySet<string> = new Set(["Reshape", "ExpandDims", "Squeeze"]);

function replaceOutputs({ node, features }: Parsed, graph: Graph): void {
  const replaced = new Map(features.map(({ tensor }, at) => [referTo(node.name, at), nodeOf(tensor)]));
  for (const other of graph.nodes) other.inputs = other.inputs.map((input) => replaced.get(input) ?? input);
  for (const { tensor, dtype, shape } of features) {
    const type = { float32: "DT_FLOAT", int64: "DT_INT64", string: "DT_STRING" }[dtype];
    graph.nodes.push({ name: nodeOf(tensor), op: "Placeholder", inputs: [], attrs: { dtype: typeAttr(type), shape: shapeAttr([-1, ...shape]) } });
  }
}

/** Estimators ask the serialized examples how many they are; the features know it as well. Nothing else may read them. */
function sizesFromFeatures(draft: Draft, names: NodeNames): void {
  const { graph, signatureDefs } = draft;
  for (const [name, { inputs, examples, ...def }] of [...signatureDefs]) {
    const serialized = nodeOf(Object.values(inputs)[0]?.name ?? "");
    const feature = nodeOf(examples?.features[0]?.tensor ?? "");
    if (examples === undefined) continue;
    const count: Parameters<typeof rewrite>[1][string] = (node, { add, constant, become, node: find }) => {
      if (!comesFrom(node.inputs[0] ?? "", serialized, find)) return false;
      const shape = add("Shape", [feature], { T: typeAttr("DT_FLOAT"), out_type: node.attrs["out_type"] ?? typeAttr("DT_INT32") });
      become(node.op === "Size" ? "Prod" : "Identity", [add("Slice", [shape, constant(ints([0])), constant(ints([1]))]), ...(node.op === "Size" ? [constant(scalar(0))] : [])], { T: typeAttr("DT_INT32") });
      return true;
    };
    rewrite(graph, { Shape: count, Size: count }, names);
    const reached = reachOf(graph, { ...def, inputs, examples }, false).nodes;
    if (reached.has(serialized)) refuse(draft, name, `uses its serialized tf.Examples for more than parsing them`);
  }
}

function comesFrom(reference: string, wanted: string, find: (reference: string) => GraphNode | undefined): boolean {
  let node = find(reference);
  for (let step = 0; step < 100 && node?.op === "Identity"; step++) node = find(node.inputs[0] ?? "");
  return node?.name === wanted;
}
