import { LIMITS } from "../../../protocol/limits.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { intOf, textOf, typeOf } from "../graph/attrs.ts";
import type { Graph, GraphNode } from "../graph/graph.ts";
import { reach } from "../graph/reach.ts";
import type { SourceFolder } from "../source-folder.ts";
import type { TableFiller } from "../graph/table-filler.ts";
import { refuse, reachAll, reachOf, type Draft } from "./draft.ts";
import { fillsTable } from "./effects.ts";
import type { MetaGraph, Variables } from "./meta-graph.ts";
import { sourceOf, type Source } from "./resolve.ts";
import { readVocabulary } from "./vocabulary-file.ts";

const TABLES: ReadonlySet<string> = new Set(["HashTable", "HashTableV2", "MutableHashTable", "MutableHashTableV2"]);

export interface TablePorts {
  readonly source: SourceFolder;
  readonly variables: Pick<Variables, "read">;
  readonly filler: TableFiller;
}

/**
 * Reads what the init op and the restore op fill the tables with that signature defs look into, from constants, asset files or
 * saved tensors, and leaves it to the graph's initializer. To be called while those ops are still in the graph.
 * @throws MODEL_MALFORMED for damaged files, MODEL_INCOMPLETE for missing ones
 */
export async function liftTables(draft: Draft, meta: MetaGraph, { source, variables, filler }: TablePorts): Promise<string[]> {
  const { graph, signatureDefs, what } = draft;
  const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
  const used = reachAll(draft).nodes;
  const tables = graph.nodes.filter((node) => TABLES.has(node.op) && used.has(node.name));
  if (tables.length === 0) return [];
  const fills = fillsOf(graph, meta, nodes);
  const did: string[] = [];
  for (const table of tables) {
    const fill = fills.get(sharedName(table));
    const content = fill === undefined ? undefined : await contentOf(fill, table, { graph, nodes, meta, source, variables, what });
    const fault = content === undefined ? "which nothing fills" : typeof content === "string" ? content : filler.fill(table.name, content.keys, content.values);
    if (fault !== undefined || content === undefined || typeof content === "string") {
      for (const [name, def] of signatureDefs) {
        if (reachOf(graph, def, false).nodes.has(table.name)) refuse(draft, name, `looks into the table ${table.name}, ${fault ?? ""}`);
      }
      continue;
    }
    table.op = "HashTableV2";
    did.push(`filled the table ${table.name} with ${content.keys.data.length} entries`);
  }
  return did;
}

/** Tables of one shared name are one table. */
function sharedName({ name, attrs }: GraphNode): string {
  return textOf(attrs, "shared_name", "") || name;
}

function fillsOf(graph: Graph, { restore, initOps }: MetaGraph, nodes: ReadonlyMap<string, GraphNode>): ReadonlyMap<string, GraphNode> {
  const fills = new Map<string, GraphNode>();
  for (const name of reach(graph, [...initOps, ...(restore === undefined ? [] : [restore.op])]).nodes) {
    const node = nodes.get(name);
    if (node === undefined || !fillsTable(node)) continue;
    const table = sourceOf(node.inputs[0] ?? "", nodes)?.node;
    if (table !== undefined) fills.set(sharedName(table), node);
  }
  return fills;
}

interface Around {
  readonly graph: Graph;
  readonly nodes: ReadonlyMap<string, GraphNode>;
  readonly meta: MetaGraph;
  readonly source: SourceFolder;
  readonly variables: Pick<Variables, "read">;
  readonly what: string;
}

/** A table's keys and values, or why they are not known before the model runs. */
async function contentOf(fill: GraphNode, table: GraphNode, around: Around): Promise<{ readonly keys: Tensor; readonly values: Tensor } | string> {
  const { source, nodes, meta, what } = around;
  if (!/TextFile/.test(fill.op)) {
    const [keys, values] = await Promise.all([valueOf(fill.inputs[1], around), valueOf(fill.inputs[2], around)]);
    return keys === undefined || values === undefined ? "whose content is computed when the model is loaded" : { keys, values };
  }
  const file = assetOf(fill.inputs[1], nodes, meta);
  if (file === undefined) return "whose file is not among the model's assets";
  const bytes = await source.read(`assets/${file}`, LIMITS.assetBytes);
  const column = (index: string, type: string) => ({ index: intOf(fill.attrs, index, 0), type: typeOf(table.attrs, type) ?? "" });
  const format = {
    key: column("key_index", "key_dtype"),
    value: column("value_index", "value_dtype"),
    size: intOf(fill.attrs, "vocab_size", -1),
    delimiter: textOf(fill.attrs, "delimiter", "\t"),
    offset: intOf(fill.attrs, "offset", 0),
  };
  return readVocabulary(bytes, format, `assets/${file} beside ${what}`);
}

async function valueOf(reference: string | undefined, { graph, nodes, variables }: Around): Promise<Tensor | undefined> {
  const from = sourceOf(reference ?? "", nodes);
  if (from === undefined) return undefined;
  const constant = graph.constants.get(from.node.name);
  if (constant?.kind === "dense") return constant.tensor;
  if (from.node.op !== "RestoreV2") return undefined;
  const key = textIn(graph, nodes, from.node.inputs[1], from.output);
  return key === undefined ? undefined : variables.read(key, textIn(graph, nodes, from.node.inputs[2], from.output) ?? "");
}

/** An element of a constant of strings. */
export function textIn(graph: Graph, nodes: ReadonlyMap<string, GraphNode>, reference: string | undefined, index: number): string | undefined {
  const node = sourceOf(reference ?? "", nodes)?.node;
  const constant = node === undefined ? undefined : graph.constants.get(node.name);
  const text = constant?.kind === "dense" && constant.tensor.dtype === "string" ? constant.tensor.data[index] : undefined;
  return text instanceof Uint8Array ? Buffer.from(text).toString("utf8") : undefined;
}

/** The file of `assets/` that a tensor with a path stands for. TF2 keeps the path in a variable, which the init op assigns. */
function assetOf(reference: string | undefined, nodes: ReadonlyMap<string, GraphNode>, { assets }: MetaGraph): string | undefined {
  let from: Source | undefined = sourceOf(reference ?? "", nodes);
  if (from?.node.op === "ReadVariableOp") from = sourceOf(from.node.inputs[0] ?? "", nodes);
  const variable = from?.node.op === "VarHandleOp" || from?.node.op === "VariableV2" ? from.node.name : undefined;
  if (variable !== undefined) {
    const assign = [...nodes.values()].find(({ op, inputs }) => (op === "AssignVariableOp" || op === "Assign") && sourceOf(inputs[0] ?? "", nodes)?.node.name === variable);
    from = sourceOf(assign?.inputs[1] ?? "", nodes);
  }
  const name = from?.node.name;
  const asset = assets.find(({ tensor }) => tensor.split(":")[0] === name);
  // Only the file's name counts: it is looked for where assets are.
  return asset?.file.split("/").at(-1);
}
