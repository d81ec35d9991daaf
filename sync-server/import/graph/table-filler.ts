import { DTYPES } from "../../../protocol/dtype.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { typeAttr, type Attrs } from "./attrs.ts";
import type { Constant, Graph } from "./graph.ts";
import { mapConstant } from "./map-dtypes.ts";
import type { NodeNames } from "./node-names.ts";

/** Makes the graph that runs once after loading and fills the tables. */
export interface TableFiller {
  /** Fills the table that a HashTableV2 of this name is; answers why that cannot be, where it cannot. */
  fill(table: string, keys: Tensor, values: Tensor): string | undefined;
  /** Undefined while there is no table. */
  readonly initializer: Graph | undefined;
}

export function createTableFiller(names: NodeNames): TableFiller {
  const graph: Graph = { nodes: [], functions: [], constants: new Map() };
  const add = (wanted: string, constant: Constant): string => {
    const name = names.fresh(wanted);
    graph.nodes.push({ name, op: "Const", inputs: [], attrs: { dtype: typeAttr(DTYPES[constant.tensor.dtype].proto) } });
    graph.constants.set(name, constant);
    return name;
  };
  return {
    fill(table, givenKeys, givenValues) {
      const keys = mapConstant(`${table}/keys`, givenKeys) ?? { kind: "dense", tensor: givenKeys };
      const values = mapConstant(`${table}/values`, givenValues) ?? { kind: "dense", tensor: givenValues };
      if (typeof keys === "string") return keys;
      if (typeof values === "string") return values;
      // The executor finds tables by the name of their node, which is the same here as in the graph.
      graph.nodes.push({ name: table, op: "HashTableV2", inputs: [], attrs: tableAttrs(keys.tensor, values.tensor) });
      const inputs = [table, add(`${table}/keys`, keys), add(`${table}/values`, values)];
      graph.nodes.push({ name: names.fresh(`${table}/import`), op: "LookupTableImportV2", inputs, attrs: {} });
      return undefined;
    },
    get initializer() {
      return graph.nodes.length === 0 ? undefined : graph;
    },
  };
}

export function tableAttrs(keys: Pick<Tensor, "dtype">, values: Pick<Tensor, "dtype">): Attrs {
  return { key_dtype: typeAttr(DTYPES[keys.dtype].proto), value_dtype: typeAttr(DTYPES[values.dtype].proto) };
}
