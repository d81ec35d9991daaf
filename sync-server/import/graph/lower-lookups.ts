import type { Tensor } from "../../../protocol/tensor.ts";
import { intAttr, typeAttr, typeOf, type Attrs } from "./attrs.ts";
import type { Graph } from "./graph.ts";
import type { NodeNames } from "./node-names.ts";
import { rewrite, type Rule, type Writer } from "./rewrite.ts";
import type { TableFiller } from "./table-filler.ts";
import { isString, ints, scalar, type StringTensor } from "./tensor-values.ts";

const INT = typeAttr("DT_INT32");
const STRING = typeAttr("DT_STRING");
const NO_TEXT: Tensor = { dtype: "string", shape: [], data: [new Uint8Array()] };

/**
 * Gives what tables find the shape of what is looked for, which TF.js makes flat, also where nothing is looked for, which it does not
 * take: one key more goes in, and comes out.
 */
const find: Rule = ({ op, inputs, attrs }, write) => {
  const [table = "", keys = "", otherwise = ""] = inputs;
  lookUp(write, op, table, keys, otherwise, { Tin: attrs["Tin"] ?? STRING, Tout: attrs["Tout"] ?? INT });
  return true;
};

function lookUp({ add, constant, become }: Writer, op: string, table: string, keys: string, otherwise: string, { Tin, Tout }: { Tin: Attrs[string]; Tout: Attrs[string] }): void {
  const types = { T: Tin ?? INT };
  const found = { T: Tout ?? STRING };
  const flat = add("Reshape", [keys, constant(ints([-1]))], types);
  const one: Tensor = Tin?.type === "DT_STRING" ? { ...NO_TEXT, shape: [1] } : ints([0]);
  const more = add("ConcatV2", [flat, constant(one), constant(scalar(0))], { ...types, N: intAttr(2), Tidx: INT });
  const values = add(op, [table, more, otherwise], { Tin: Tin ?? INT, Tout: Tout ?? STRING });
  const fewer = add("StridedSlice", [values, constant(ints([0])), constant(ints([-1])), constant(ints([1]))], { ...found, Index: INT });
  become("Reshape", [fewer, add("Shape", [keys], { ...types, out_type: INT })], found);
}

/** Which input of an op is moved about, and the attribute that has its type. */
const MOVES: Readonly<Record<string, { readonly data: number; readonly type: string }>> = {
  Tile: { data: 0, type: "T" },
  BroadcastTo: { data: 0, type: "T" },
  Transpose: { data: 0, type: "T" },
  ReverseV2: { data: 0, type: "T" },
  Gather: { data: 0, type: "Tparams" },
  GatherV2: { data: 0, type: "Tparams" },
  GatherNd: { data: 0, type: "Tparams" },
  Fill: { data: 1, type: "T" },
};

/** Moves the numbers of constant strings about instead of the strings, which TF.js cannot, and looks the strings up after that. */
function moveNumbers(filler: TableFiller): Rule {
  return ({ op, inputs, attrs }, write) => {
    const move = MOVES[op];
    const strings = write.inFunction || move === undefined || typeOf(attrs, move.type) !== "DT_STRING" ? undefined : write.constantOf(inputs[move.data]);
    if (strings === undefined || move === undefined || !isString(strings)) return false;
    const numbers = write.constant({ dtype: "int32", shape: strings.shape, data: Int32Array.from(strings.data.keys()) });
    const moved = write.add(op, inputs.map((input, at) => (at === move.data ? numbers : input)), { ...attrs, [move.type]: INT });
    lookUpStrings(write, filler, strings, moved);
    return true;
  };
}

/** A choice between constant strings. */
function chooseNumbers(filler: TableFiller): Rule {
  return ({ op, inputs, attrs }, write) => {
    if (write.inFunction || typeOf(attrs, "T") !== "DT_STRING") return false;
    const [yes, no] = [write.constantOf(inputs[1]), write.constantOf(inputs[2])];
    if (yes === undefined || no === undefined || !isString(yes) || !isString(no)) return false;
    const numbers = (of: Tensor, from: number): string => write.constant({ dtype: "int32", shape: of.shape, data: Int32Array.from(of.data.keys(), (at) => from + at) });
    const chosen = write.add(op, [inputs[0] ?? "", numbers(yes, 0), numbers(no, yes.data.length)], { T: INT });
    lookUpStrings(write, filler, { dtype: "string", shape: [], data: [...yes.data, ...no.data] }, chosen);
    return true;
  };
}

function lookUpStrings(write: Writer, filler: TableFiller, { data }: StringTensor, numbers: string): void {
  const table = write.add("HashTableV2", [], { key_dtype: INT, value_dtype: STRING });
  filler.fill(table, ints([...data.keys()]), { dtype: "string", shape: [data.length], data });
  lookUp(write, "LookupTableFindV2", table, numbers, write.constant(NO_TEXT), { Tin: INT, Tout: STRING });
}

/** Gives constant strings another shape at once, so that what moves them about finds a constant. */
function reshapeStrings(graph: Graph): Rule {
  return (node, { constantOf, become }) => {
    const [strings, sizes] = [constantOf(node.inputs[0]), constantOf(node.inputs[1])];
    if (strings === undefined || sizes === undefined || !isString(strings)) return false;
    const given = Array.from<unknown, number>(sizes.data, Number);
    const shape = node.op === "Reshape" ? given : strings.shape.toSpliced((given[0] ?? 0) < 0 ? strings.shape.length + 1 + (given[0] ?? 0) : (given[0] ?? 0), 0, 1);
    const known = shape.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
    const whole = shape.map((size) => (size < 0 ? strings.data.length / Math.max(1, known) : size));
    if (whole.reduce((product, size) => product * size, 1) !== strings.data.length) return false;
    graph.constants.set(node.name, { kind: "dense", tensor: { dtype: "string", shape: whole, data: strings.data } });
    become("Const", [], { dtype: STRING });
    return true;
  };
}

/** Rewrites lookups and what moves strings about into what TF.js computes rightly. */
export function lowerLookups(graph: Graph, filler: TableFiller, names: NodeNames): string[] {
  const moved = moveNumbers(filler);
  const rules: Record<string, Rule> = { LookupTableFind: find, LookupTableFindV2: find, Select: chooseNumbers(filler), SelectV2: chooseNumbers(filler), Reshape: reshapeStrings(graph), ExpandDims: reshapeStrings(graph) };
  for (const op of Object.keys(MOVES)) rules[op] = moved;
  return [...rewrite(graph, rules, names)].map(([op, count]) => `rewrote ${op}: ${count}`);
}
