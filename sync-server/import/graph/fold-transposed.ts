import { boolAttr, boolOf } from "./attrs.ts";
import { foldKernels } from "./fold-kernels.ts";
import { ints } from "./fold-value.ts";
import type { GraphNode } from "./graph.ts";
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
    const value = body.floats(node.inputs[1]);
    // Who else reads the weights has to read them transposed as well, or there would be two of them.
    const users = weights === undefined ? [] : [...body.readers(weights)];
    if (value?.shape.length !== 2 || !users.every((user) => isTransposed(user) && user.inputs.lastIndexOf(user.inputs[1] ?? "") === 1 && user.inputs[0] !== user.inputs[1])) continue;
    const turned = foldKernels.get("Transpose")?.([value, ints([2], Int32Array.of(1, 0))], { attrs: {}, limit: value.data.length });
    if (turned === undefined || weights === undefined) continue;
    const name = body.addConstant(`${weights.name}/transposed`, turned, node);
    for (const user of users) body.rewrite(user, { op: user.op, inputs: user.inputs.with(1, name), attrs: { ...user.attrs, transpose_b: boolAttr(false) } });
    count(tally, node.op, users.length);
  }
  return tally;
}

function isTransposed({ op, attrs, inputs }: GraphNode): boolean {
  return (op === "MatMul" || op === "_FusedMatMul") && boolOf(attrs, "transpose_b", false) && !inputs.some((input) => input.startsWith("^"));
}
