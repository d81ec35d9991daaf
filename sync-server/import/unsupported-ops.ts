import { unsupportedOps } from "../../engine/supported-ops.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { GraphFile } from "../../protocol/graph.ts";

const OPS_NAMED = 8;

/** @throws MODEL_UNSUPPORTED_OP naming each operation, a node that uses it, and how many do */
export function refuseUnsupportedOps(graph: GraphFile, what: string): void {
  const named = namedUnsupportedOps(graph);
  if (named === undefined) return;
  throw new AshoreError("MODEL_UNSUPPORTED_OP", `${what} uses operations that TensorFlow.js cannot execute: ${named}. Replace them in the model, or leave what they do to the code before or after it.`);
}

/** Each operation that TF.js cannot execute, nodes that use it, and how many do; undefined where there is none. */
export function namedUnsupportedOps(graph: Pick<GraphFile, "modelTopology" | "modelInitializer">): string | undefined {
  const ops = unsupportedOps(graph);
  if (ops.length === 0) return undefined;
  const named = ops.slice(0, OPS_NAMED).map(({ op, count, nodes }) => `${op} (${count} ${count === 1 ? "node" : "nodes"}: ${nodes.join(", ")}${count > nodes.length ? ", …" : ""})`);
  const more = ops.length > OPS_NAMED ? `, and ${ops.length - OPS_NAMED} more` : "";
  return named.join("; ") + more;
}
