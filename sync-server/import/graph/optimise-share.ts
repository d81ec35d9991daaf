import { createHash } from "node:crypto";
import { categoriesOf } from "../../../engine/converter.ts";
import type { Constant, GraphNode } from "./graph.ts";
import { inputsFirst, type Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/** The converter's categories of ops that give equal outputs for equal inputs, and do nothing else. */
const PURE: ReadonlySet<string | undefined> = new Set([
  "arithmetic", "basic_math", "convolution", "image", "logical", "matrices", "normalization", "reduction", "slice_join", "spectral", "transformation",
]);
const PURE_OPS: ReadonlySet<string> = new Set(["Const", "Fill", "LinSpace", "OneHot", "OnesLike", "Range", "Rank", "Shape", "Size", "ZerosLike"]);

/** Nodes that compute the same become one, and so do equal constants. */
export function shareNodes(body: Body): Tally {
  const tally = new Map<string, number>();
  const categories = categoriesOf(Array.from(body.nodes(), ({ op }) => op));
  const known = new Map<string, GraphNode>();
  for (const node of inputsFirst(body)) {
    if (!body.isFree(node) || !(PURE_OPS.has(node.op) || PURE.has(categories.get(node.op)))) continue;
    const key = keyOf(node, body);
    const twin = key === undefined ? undefined : known.get(key);
    if (key === undefined || twin === node) continue;
    if (twin === undefined) {
      known.set(key, node);
    } else if (!body.isKept(node)) {
      body.merge(node, twin);
      count(tally, node.op);
    } else if (!body.isKept(twin)) {
      body.merge(twin, node);
      known.set(key, node);
      count(tally, node.op);
    }
  }
  return tally;
}

function keyOf(node: GraphNode, body: Body): string | undefined {
  if (node.op === "Const") {
    const constant = body.constant(node.name);
    return constant === undefined ? undefined : `Const ${contentOf(constant)}`;
  }
  const attrs = Object.entries(node.attrs).filter(([name]) => !name.startsWith("_")).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([node.op, node.inputs, attrs]);
}

const contents = new WeakMap<object, string>();

function contentOf({ kind, tensor }: Constant): string {
  const known = contents.get(tensor);
  if (known !== undefined) return known;
  const { dtype, shape } = tensor;
  const hash = createHash("sha256");
  if (kind === "stored") {
    hash.update(tensor.bytes);
  } else if (ArrayBuffer.isView(tensor.data)) {
    hash.update(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
  } else {
    for (const text of tensor.data) hash.update(`${text.byteLength}:`).update(text);
  }
  // Both kinds of a plain number are the same bytes; strings are not.
  const how = kind === "stored" ? [tensor.quantization ?? null, dtype === "string" ? kind : null] : [null, dtype === "string" ? kind : null];
  const content = JSON.stringify([dtype, shape, how, hash.digest("base64")]);
  contents.set(tensor, content);
  return content;
}
