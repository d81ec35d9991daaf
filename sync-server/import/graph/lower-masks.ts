import { typeAttr, typeOf, boolAttr } from "./attrs.ts";
import type { Rule, Writer } from "./rewrite.ts";
import { ints, scalar, toNumbers } from "./tensor-values.ts";

const INT = { T: typeAttr("DT_INT32") };
const BOOL = { T: typeAttr("DT_BOOL") };

/** A number of the last two sizes of a tensor, as a scalar. */
function sizeOf({ add, constant }: Writer, tensor: string, fromEnd: 1 | 2): string {
  const shape = add("Shape", [tensor], { out_type: typeAttr("DT_INT32") });
  const slice = { shrink_axis_mask: { i: "1" }, T: typeAttr("DT_INT32"), Index: typeAttr("DT_INT32") };
  // From -1 to the end is what shrinking takes by itself; from -2 the end must be said.
  return add("StridedSlice", [shape, constant(ints([-fromEnd])), constant(ints([fromEnd === 1 ? 0 : -1])), constant(ints([1]))], fromEnd === 1 ? { ...slice, end_mask: { i: "1" } } : slice);
}

function countTo({ add, constant }: Writer, size: string): string {
  return add("Range", [constant(scalar(0)), size, constant(scalar(1))], { Tidx: typeAttr("DT_INT32") });
}

/**
 * MatrixBandPart as a mask of row and column numbers: TF.js takes the lower bound for the upper too, without an error. Bounds that
 * are not constant are compared all the same, as are negative ones, which mean the whole triangle.
 */
export const lowerMatrixBandPart: Rule = ({ inputs, attrs }, write) => {
  const { add, constant, constantOf, become } = write;
  const [matrix = "", lower = "", upper = ""] = inputs;
  const column = countTo(write, sizeOf(write, matrix, 1));
  const row = add("ExpandDims", [countTo(write, sizeOf(write, matrix, 2)), constant(scalar(1))], INT);
  const below = add("Sub", [row, column], INT);
  const within: string[] = [];
  for (const [bound, distance] of [[lower, below], [upper, add("Neg", [below], INT)]] as const) {
    const known = constantOf(bound);
    if (known !== undefined && (toNumbers(known)[0] ?? 0) < 0) continue;
    const inside = add("LessEqual", [distance, bound], INT);
    within.push(known === undefined ? add("LogicalOr", [inside, add("Less", [bound, constant(scalar(0))], INT)]) : inside);
  }
  const [first, second] = within;
  if (first === undefined) {
    become("Identity", [matrix], { T: attrs["T"] ?? typeAttr("DT_FLOAT") });
    return true;
  }
  const mask = second === undefined ? first : add("LogicalAnd", [first, second]);
  if (typeOf(attrs, "T") === "DT_BOOL") become("LogicalAnd", [matrix, mask]);
  else become("SelectV2", [mask, matrix, add("ZerosLike", [matrix], attrs)], attrs);
  return true;
};

/** The main diagonal put into square matrices; other diagonals and sizes are left, and refused. */
export const lowerMatrixDiag: Rule = ({ op, inputs, attrs }, write) => {
  const { add, constant, constantOf, become } = write;
  const [diagonal = "", k, rows, columns, padding] = inputs;
  if (op === "MatrixDiagV3" || op === "MatrixDiagV2") {
    const [offset, height, width] = [k, rows, columns].map((input) => constantOf(input));
    const isSquare = offset !== undefined && offset.data.length === 1 && Number(offset.data[0]) === 0 && [height, width].every((size) => size !== undefined && Number(size.data[0]) === -1);
    if (!isSquare) return false;
  }
  const number = countTo(write, sizeOf(write, diagonal, 1));
  const mask = add("Equal", [add("ExpandDims", [number, constant(scalar(1))], INT), number], INT);
  const wide = add("ExpandDims", [diagonal, constant(scalar(-2))], attrs);
  become("SelectV2", [mask, wide, padding ?? add("ZerosLike", [wide], attrs)], attrs);
  return true;
};

/** TF.js's wasm backend garbles bools in these operations, or dies: they go as numbers. */
const throughNumbers = (type: "DT_INT32" | "DT_FLOAT"): Rule => (node, { add, become }) => {
  const { op, inputs, attrs } = node;
  if (typeOf(attrs, "T") !== "DT_BOOL") return false;
  const toNumber = (input: string): string => add("Cast", [input], { SrcT: typeAttr("DT_BOOL"), DstT: typeAttr(type) });
  const data = op === "Select" || op === "SelectV2" ? [inputs[0] ?? "", ...inputs.slice(1, 3).map(toNumber)] : [toNumber(inputs[0] ?? ""), ...inputs.slice(1)];
  const result = add(op, data, { ...attrs, T: typeAttr(type) });
  become("Cast", [result], { SrcT: typeAttr(type), DstT: typeAttr("DT_BOOL"), Truncate: boolAttr(false) });
  return true;
};

export const throughIntegers = throughNumbers("DT_INT32");

const INTEGERS: ReadonlySet<string> = new Set(["DT_INT32", "DT_INT64", "DT_UINT8", "DT_INT8", "DT_INT16", "DT_UINT16", "DT_UINT32"]);
const HALF = 65_536;

/**
 * TF.js's wasm backend says of every slice with steps that it is of floats, whose bits integers are not: they go as floats, their
 * upper and lower half each, exactly; and so do bools.
 */
export const steppedSlice: Rule = (node, write) => {
  const { inputs, attrs } = node;
  const { add, constant, constantOf, become } = write;
  const strides = constantOf(inputs[3]);
  if (typeOf(attrs, "T") === "DT_BOOL") return throughNumbers("DT_FLOAT")(node, write);
  if (!INTEGERS.has(typeOf(attrs, "T") ?? "")) return false;
  if (strides !== undefined && toNumbers(strides).every((step) => step === 1)) return false;
  const [x = "", ...where] = inputs;
  const toFloat = { SrcT: typeAttr("DT_INT32"), DstT: typeAttr("DT_FLOAT") };
  const toInt = { SrcT: typeAttr("DT_FLOAT"), DstT: typeAttr("DT_INT32"), Truncate: boolAttr(false) };
  const upper = add("FloorDiv", [x, constant(scalar(HALF))], INT);
  const lower = add("Sub", [x, add("Mul", [upper, constant(scalar(HALF))], INT)], INT);
  const [high, low] = [upper, lower].map((half) => add("Cast", [add("StridedSlice", [add("Cast", [half], toFloat), ...where], { ...attrs, T: typeAttr("DT_FLOAT") })], toInt));
  become("AddV2", [add("Mul", [high ?? "", constant(scalar(HALF))], INT), low ?? ""], { T: attrs["T"] ?? typeAttr("DT_INT32") });
  return true;
};

/** Exclusive or out of the operations that TF.js has. */
export const lowerLogicalXor: Rule = ({ inputs }, { add, become }) => {
  const [a = "", b = ""] = inputs;
  become("LogicalAnd", [add("LogicalOr", [a, b], BOOL), add("LogicalNot", [add("LogicalAnd", [a, b], BOOL)], BOOL)]);
  return true;
};
