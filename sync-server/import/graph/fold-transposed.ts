import { boolAttr, boolOf } from "./attrs.ts";
import type { Constant, GraphNode } from "./graph.ts";
import type { Body } from "./optimise-body.ts";
import { count, type Tally } from "./optimise-stage.ts";

/**
 * Weights that a matrix product transposes are transposed once and for all. TF.js's wasm backend has a fast way for products of
 * what lies as it is, and for others adds a bias at the wrong places (4.22).
 */
export function foldTransposed(body: Body): Tally {
  const tally = new Map<string, number>();
  for (const node of body.nodes()) {
    const weights = isTransposed(node) ? body.node(node.inputs[1]) : undefined;
    const constant = body.constant(node.inputs[1]);
    // Who else reads the weights has to read them transposed as well, or there would be two of them.
    const users = weights === undefined ? [] : [...body.readers(weights)];
    if (weights === undefined || constant === undefined || !users.every((user) => isTransposed(user) && user.inputs.lastIndexOf(user.inputs[1] ?? "") === 1 && user.inputs[0] !== user.inputs[1])) continue;
    const turned = transposed(constant);
    if (turned === undefined) continue;
    const name = body.addConstant(`${weights.name}/transposed`, turned, node);
    for (const user of users) body.rewrite(user, { op: user.op, inputs: user.inputs.with(1, name), attrs: { ...user.attrs, transpose_b: boolAttr(false) } });
    count(tally, node.op, users.length);
  }
  return tally;
}

function isTransposed({ op, attrs, inputs }: GraphNode): boolean {
  return (op === "MatMul" || op === "_FusedMatMul") && boolOf(attrs, "transpose_b", false) && !inputs.some((input) => input.startsWith("^"));
}

/** A matrix's elements, quantised or not, row by row of what were its columns. */
function transposed({ kind, tensor }: Constant): Constant | undefined {
  const [rows, columns] = tensor.shape;
  if (tensor.dtype !== "float32" || tensor.shape.length !== 2 || rows === undefined || columns === undefined) return undefined;
  const shape = [columns, rows];
  if (kind === "stored") return { kind, tensor: { ...tensor, shape, bytes: turn(tensor.bytes, rows, columns, tensor.width) } };
  if (!(tensor.data instanceof Float32Array)) return undefined;
  const bytes = turn(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength), rows, columns, 4);
  return { kind, tensor: { dtype: "float32", shape, data: new Float32Array(bytes.buffer) } };
}

function turn(bytes: Uint8Array, rows: number, columns: number, width: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes.byteLength);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const from = (row * columns + column) * width;
      const to = (column * rows + row) * width;
      for (let byte = 0; byte < width; byte++) out[to + byte] = bytes[from + byte] ?? 0;
    }
  }
  return out;
}
