import { AshoreError } from "../../../protocol/errors.ts";
import { typeAttr, intAttr } from "../graph/attrs.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import type { NodeNames } from "../graph/node-names.ts";
import { reach } from "../graph/reach.ts";
import { rewrite } from "../graph/rewrite.ts";
import { scalar } from "../graph/tensor-values.ts";
import type { Variables } from "./meta-graph.ts";
import { sourceOf } from "./resolve.ts";
import { textIn } from "./tables.ts";
import { isVariable } from "./variables-read.ts";

/** Where a variable's value lies: its key among the variables, and the part of it, in RestoreV2's words. */
export interface Saved {
  readonly key: string;
  readonly slice: string;
}

const ASSIGNS: ReadonlySet<string> = new Set(["Assign", "AssignVariableOp"]);

/**
 * Which saved tensor each variable gets, by the node of the variable: what the restore op assigns, followed through what it runs.
 * Neither the object graph nor names are needed.
 */
export function savedVariables(graph: Graph, restoreOp: string): ReadonlyMap<string, Saved> {
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const saved = new Map<string, Saved>();
  for (const name of reach(graph, [restoreOp]).nodes) {
    const node = nodes.get(name);
    if (node === undefined || !ASSIGNS.has(node.op)) continue;
    const variable = sourceOf(node.inputs[0] ?? "", nodes)?.node;
    const value = sourceOf(node.inputs[1] ?? "", nodes);
    const key = value?.node.op === "RestoreV2" ? textIn(graph, nodes, value.node.inputs[1], value.output) : undefined;
    if (variable === undefined || value === undefined || key === undefined || !isVariable(variable)) continue;
    saved.set(variable.name, { key, slice: textIn(graph, nodes, value.node.inputs[2], value.output) ?? "" });
  }
  return saved;
}

/**
 * Makes constants of the variables, and of what reads them identities and gathers. Where a variable is handed to a loop or a
 * branch, its value is handed over instead.
 * @throws MODEL_MALFORMED for a variable that nothing loads, and what reading it throws
 */
export async function freezeVariables(graph: Graph, saved: ReadonlyMap<string, Saved>, variables: Pick<Variables, "read">, names: NodeNames, what: string): Promise<string[]> {
  let bytes = 0;
  let count = 0;
  const read = new Map<string, ReturnType<Variables["read"]>>();
  for (const node of graph.nodes) {
    if (!isVariable(node)) continue;
    const from = saved.get(node.name);
    if (from === undefined) throw new AshoreError("MODEL_MALFORMED", `${what}: nothing loads the variable ${JSON.stringify(node.name)}: the restore op assigns it no saved value, so that it has none. Save the model again.`);
    const place = `${from.key}\n${from.slice}`;
    const reading = read.get(place) ?? variables.read(from.key, from.slice);
    read.set(place, reading);
    const tensor = await reading;
    graph.constants.set(node.name, { kind: "dense", tensor });
    node.op = "Const";
    node.inputs = [];
    node.attrs = { dtype: node.attrs["dtype"] ?? typeAttr("DT_INVALID") };
    count += 1;
    bytes += ArrayBuffer.isView(tensor.data) ? tensor.data.byteLength : 0;
  }
  rewrite(
    graph,
    {
      ReadVariableOp: ({ inputs, attrs }, { become }) => {
        become("Identity", inputs, { T: attrs["dtype"] ?? typeAttr("DT_INVALID") });
        return true;
      },
      ResourceGather: ({ inputs, attrs }, { become, constant }) => {
        const [params = "", indices = "", ...controls] = inputs;
        const axis = constant(scalar(0));
        become("GatherV2", [params, indices, axis, ...controls], { ...typesOfGather(attrs), batch_dims: attrs["batch_dims"] ?? intAttr(0) });
        return true;
      },
      ResourceGatherNd: ({ inputs, attrs }, { become }) => {
        become("GatherNd", inputs, typesOfGather(attrs));
        return true;
      },
      VariableShape: ({ inputs, attrs }, { become }) => {
        become("Shape", inputs, { out_type: attrs["out_type"] ?? typeAttr("DT_INT32") });
        return true;
      },
    },
    names,
  );
  return count === 0 ? [] : [`froze ${count} variables, ${bytes} bytes`];
}

function typesOfGather(attrs: GraphNode["attrs"]): GraphNode["attrs"] {
  return { Tparams: attrs["dtype"] ?? typeAttr("DT_INVALID"), Tindices: attrs["Tindices"] ?? typeAttr("DT_INT32") };
}
