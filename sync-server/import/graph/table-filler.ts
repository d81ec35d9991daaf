import { DTYPES } from "../../../protocol/dtype.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { typeAttr, type Attrs } from "./attrs.ts";
import type { Constant, Graph, GraphNode } from "./graph.ts";
import { mapConstant } from "./map-dtypes.ts";
import type { NodeNames } from "./node-names.ts";

/** Makes the graph that runs once after loading and fills the tables. */
export interface TableFiller {
  /** Fills the table that a HashTableV2 of this name is; answers why that cannot be, where it cannot. */
  fill(table: string, keys: Tensor, values: Tensor): string | undefined;
  /** What fills the tables that a graph has; undefined where it has none. */
  initializerOf(graph: Graph): Graph | undefined;
}

export function createTableFiller(names: NodeNames): TableFiller {
  const filled = new Map<string, Pick<Graph, "nodes" | "constants">>();
  return {
    fill(table, givenKeys, givenValues) {
      const keys = mapConstant(`${table}/keys`, givenKeys) ?? { kind: "dense", tensor: givenKeys };
      const values = mapConstant(`${table}/values`, givenValues) ?? { kind: "dense", tensor: givenValues };
      if (typeof keys === "string") return keys;
      if (typeof values === "string") return values;
      const constants = new Map<string, Constant>([[names.fresh(`${table}/keys`), keys], [names.fresh(`${table}/values`), values]]);
      const nodes: GraphNode[] = [
        // The executor finds tables by the name of their node, which is the same here as in the graph.
        { name: table, op: "HashTableV2", inputs: [], attrs: tableAttrs(keys.tensor, values.tensor) },
        ...[...constants].map(([name, { tensor }]) => ({ name, op: "Const", inputs: [], attrs: { dtype: typeAttr(DTYPES[tensor.dtype].proto) } })),
        { name: names.fresh(`${table}/import`), op: "LookupTableImportV2", inputs: [table, ...constants.keys()], attrs: {} },
      ];
      filled.set(table, { nodes, constants });
      return undefined;
    },
    initializerOf({ nodes }) {
      const used = nodes.flatMap(({ name }) => filled.get(name) ?? []);
      if (used.length === 0) return undefined;
      return { nodes: used.flatMap((table) => table.nodes), functions: [], constants: new Map(used.flatMap((table) => [...table.constants])) };
    },
  };
}

export function tableAttrs(keys: Pick<Tensor, "dtype">, values: Pick<Tensor, "dtype">): Attrs {
  return { key_dtype: typeAttr(DTYPES[keys.dtype].proto), value_dtype: typeAttr(DTYPES[values.dtype].proto) };
}
