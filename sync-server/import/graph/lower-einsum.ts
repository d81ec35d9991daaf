import { intAttr, textOf, typeAttr, type Attrs } from "./attrs.ts";
import type { Rule, Writer } from "./rewrite.ts";
import { ints } from "./tensor-values.ts";
import { joined, SLICE } from "./write-shapes.ts";

/**
 * Einsum of one or two operands as Transpose, Reshape and a matrix product: TF.js has no Einsum on wasm, and none with `...`. Equations
 * that take a diagonal, and `...` behind other axes, are left, and refused.
 */
export const lowerEinsum: Rule = (node, write) => {
  const { add, constant, become } = write;
  const text = textOf(node.attrs, "equation", "").replaceAll(" ", "");
  const equation = parseEquation(text.replaceAll("...", AXES));
  const operands = node.inputs.filter((input) => !input.startsWith("^"));
  if (equation === undefined || equation.operands.length !== operands.length || operands.length > 2) return false;
  const T = node.attrs["T"] ?? typeAttr("DT_FLOAT");
  let front: string | undefined;
  const flat = operands.map((tensor, at): Operand => {
    const labels = equation.operands[at] ?? "";
    if (!labels.includes(AXES)) return { tensor, labels };
    const shape = add("Shape", [tensor], { T, out_type: typeAttr("DT_INT32") });
    const cut = (mask: "begin_mask" | "end_mask"): string => add("StridedSlice", [shape, constant(ints([mask === "begin_mask" ? 0 : 1 - labels.length])), constant(ints([mask === "begin_mask" ? 1 - labels.length : 0])), constant(ints([1]))], { ...SLICE, [mask]: intAttr(1) });
    const isAll = labels.length === 1;
    front ??= isAll ? shape : cut("begin_mask");
    const sizes = isAll ? constant(ints([-1])) : joined(write, [constant(ints([-1])), cut("end_mask")]);
    return { tensor: add("Reshape", [tensor, sizes], { T }), labels };
  });
  const lowered = new Einsum(write, T);
  const [a, b] = flat;
  if (a === undefined) return false;
  const result = b === undefined ? lowered.single(a, equation.result) : lowered.pair(a, b, equation.result);
  if (front === undefined) become("Identity", [result], { T });
  else become("Reshape", [result, joined(write, [front, add("Slice", [add("Shape", [result], { T, out_type: typeAttr("DT_INT32") }), constant(ints([1])), constant(ints([-1]))], SLICE)])], { T });
  return true;
};

/** Stands for the axes of `...`, which are made one: always the first, in operands and result. */
const AXES = "_";

interface Equation {
  /** A letter for each axis. */
  readonly operands: readonly string[];
  readonly result: string;
}

function parseEquation(text: string): Equation | undefined {
  const [left = "", result, ...more] = text.split("->");
  const operands = left.split(",");
  if (result === undefined || more.length > 0 || ![...operands, result].every((labels) => /^_?[A-Za-z]*$/.test(labels) && new Set(labels).size === labels.length)) return undefined;
  // Summed over as one, axes of `...` would be right too; nobody writes that.
  const keepsAxes = left.includes(AXES) === result.includes(AXES);
  return keepsAxes && Array.from(result).every((label) => left.includes(label)) ? { operands, result } : undefined;
}

interface Operand {
  readonly tensor: string;
  readonly labels: string;
}

class Einsum {
  readonly #write: Writer;
  readonly #attrs: Attrs;

  constructor(write: Writer, type: NonNullable<Attrs[string]>) {
    this.#write = write;
    this.#attrs = { T: type };
  }

  single(operand: Operand, result: string): string {
    return this.#order(this.#sumOut(operand, result), result);
  }

  /** Batch axes first, then those of one operand, those that are summed over between them. */
  pair(left: Operand, right: Operand, result: string): string {
    const a = this.#sumOut(left, result + right.labels);
    const b = this.#sumOut(right, result + left.labels);
    const both = Array.from(a.labels).filter((label) => b.labels.includes(label));
    const batch = both.filter((label) => result.includes(label)).join("");
    const summed = both.filter((label) => !result.includes(label)).join("");
    const rows = Array.from(a.labels).filter((label) => !both.includes(label)).join("");
    const columns = Array.from(b.labels).filter((label) => !both.includes(label)).join("");
    const first = this.#asMatrices(this.#order(a, batch + rows + summed), batch.length, rows.length, summed.length);
    const second = this.#asMatrices(this.#order(b, batch + summed + columns), batch.length, summed.length, columns.length);
    let product = this.#write.add("BatchMatMulV2", [first.matrices, second.matrices], this.#attrs);
    if (rows.length !== 1 || columns.length !== 1) {
      const sizes = [...(batch === "" ? [] : [first.sizes(0, batch.length)]), ...(rows === "" ? [] : [first.sizes(batch.length, rows.length)]), ...(columns === "" ? [] : [second.sizes(batch.length + summed.length, columns.length)])];
      product = this.#write.add("Reshape", [product, this.#join(sizes)], this.#attrs);
    }
    return this.#order({ tensor: product, labels: batch + rows + columns }, result);
  }

  /** Sums over the axes that are in none of the labels that are still needed. */
  #sumOut({ tensor, labels }: Operand, needed: string): Operand {
    const gone = Array.from(labels).flatMap((label, axis) => (needed.includes(label) ? [] : [axis]));
    if (gone.length === 0) return { tensor, labels };
    return { tensor: this.#write.add("Sum", [tensor, this.#write.constant(ints(gone))], this.#attrs), labels: Array.from(labels).filter((label) => needed.includes(label)).join("") };
  }

  #order({ tensor, labels }: Operand, wanted: string): string {
    if (labels === wanted) return tensor;
    return this.#write.add("Transpose", [tensor, this.#write.constant(ints(Array.from(wanted).map((label) => labels.indexOf(label))))], this.#attrs);
  }

  /** The axes after the batch as two, whatever their number: one group of `high` axes, one of `wide`. */
  #asMatrices(tensor: string, batch: number, high: number, wide: number): { readonly matrices: string; sizes(from: number, count: number): string } {
    const { add, constant } = this.#write;
    let shape: string | undefined;
    const sizes = (from: number, count: number): string => {
      shape ??= add("Shape", [tensor], { ...this.#attrs, out_type: typeAttr("DT_INT32") });
      return add("Slice", [shape, constant(ints([from])), constant(ints([count]))], { T: typeAttr("DT_INT32"), Index: typeAttr("DT_INT32") });
    };
    if (high === 1 && wide === 1) return { matrices: tensor, sizes };
    // Only one size of a reshape can be left open, so that each group is joined by one of its own.
    const rest = constant(ints([-1]));
    const one = constant(ints([1]));
    const before = [...(batch + high === 0 ? [] : [sizes(0, batch + high)])];
    const joined = wide === 1 ? tensor : add("Reshape", [tensor, this.#join([...before, wide === 0 ? one : rest])], this.#attrs);
    if (high === 1) return { matrices: joined, sizes };
    const width = wide === 1 ? sizes(batch + high, 1) : wide === 0 ? one : add("Slice", [add("Shape", [joined], { ...this.#attrs, out_type: typeAttr("DT_INT32") }), constant(ints([batch + high])), one], { T: typeAttr("DT_INT32"), Index: typeAttr("DT_INT32") });
    const lines = high === 0 ? one : rest;
    return { matrices: add("Reshape", [joined, this.#join([...(batch === 0 ? [] : [sizes(0, batch)]), lines, width])], this.#attrs), sizes };
  }

  #join(sizes: readonly string[]): string {
    const { constant } = this.#write;
    const [only] = sizes;
    if (only === undefined) return constant(ints([]));
    return joined(this.#write, sizes);
  }
}
