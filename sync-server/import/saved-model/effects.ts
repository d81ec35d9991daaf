import type { Graph, GraphNode } from "../graph/graph.ts";
import { functionsOf } from "../graph/reach.ts";

const CHANGES = /^(Assign|Assign(Add|Sub)|Assign(Add|Sub)?VariableOp|Scatter(Add|Sub|Mul|Div|Min|Max|Update|NdUpdate|NdAdd|NdSub)|Resource(Scatter\w+|Apply\w+|SparseApply\w+|StridedSliceAssign)|(Sparse)?Apply\w+|StridedSliceAssign)$/;
const FILLS = /^(InitializeTable(V2|FromTextFile|FromTextFileV2)?|LookupTableImport(V2)?|LookupTableInsert(V2)?)$/;

/** Whether an op changes a variable. */
export function changesVariable({ op }: GraphNode): boolean {
  return CHANGES.test(op);
}

/** Whether an op fills a table. */
export function fillsTable({ op }: GraphNode): boolean {
  return FILLS.test(op);
}

/** Names of the functions that change a variable or fill a table when they run, themselves or by what they call. */
export function effectfulFunctions({ functions }: Graph): ReadonlySet<string> {
  const effectful = new Set<string>();
  for (let before = -1; before < effectful.size; ) {
    before = effectful.size;
    for (const { name, nodes } of functions) if (!effectful.has(name) && nodes.some((node) => hasEffects(node, effectful))) effectful.add(name);
  }
  return effectful;
}

/** Whether running a node changes a variable or fills a table. */
export function hasEffects(node: GraphNode, effectful: ReadonlySet<string>): boolean {
  return changesVariable(node) || fillsTable(node) || effectful.has(node.op) || functionsOf(node).some((name) => effectful.has(name));
}
