import { intOf, textOf, typeAttr } from "./attrs.ts";
import type { Rule } from "./rewrite.ts";
import { ints, scalar, toNumbers } from "./tensor-values.ts";
import { INT, joined, shapeOf, sizesOf, SLICE } from "./write-shapes.ts";


/** Whether each index of a gather counts within its own batch: TF.js's wasm kernel reads past the first batch. */
export function gathersInBatches({ op, attrs }: { readonly op: string; readonly attrs: Parameters<typeof intOf>[0] }): boolean {
  return op === "GatherV2" && intOf(attrs, "batch_dims", 0) !== 0;
}

/**
 * A gather within batches as one over all of them, each index moved to where its batch begins. One that is outside of its own batch
 * goes outside of all, where it is refused as it would have been, instead of into another batch.
 */
export const lowerBatchGather: Rule = ({ inputs, attrs }, write) => {
  const { add, constant, constantOf, become } = write;
  const batch = intOf(attrs, "batch_dims", 0);
  const [params = "", indices = "", axisInput] = inputs;
  const axis = constantOf(axisInput);
  if (batch <= 0 || axis === undefined || toNumbers(axis)[0] !== batch) return false;
  const shape = shapeOf(write, params);
  const product = (sizes: string): string => add("Prod", [sizes, constant(ints([0]))], INT);
  const rest = sizesOf(write, shape, batch + 1, -1);
  const count = product(sizesOf(write, shape, 0, batch));
  const size = product(sizesOf(write, shape, batch, 1));
  const starts = add("Mul", [add("Range", [constant(scalar(0)), count, constant(scalar(1))], { Tidx: typeAttr("DT_INT32") }), size], INT);
  const own = add("Reshape", [indices, joined(write, [add("Reshape", [count, constant(ints([1]))], INT), constant(ints([-1]))])], INT);
  const isInside = add("LogicalAnd", [add("GreaterEqual", [own, constant(scalar(0))], INT), add("Less", [own, size], INT)]);
  const moved = add("SelectV2", [isInside, add("AddV2", [own, add("ExpandDims", [starts, constant(scalar(1))], INT)], INT), constant(scalar(-1))], INT);
  const places = add("Reshape", [moved, constant(ints([-1]))], INT);
  const flat = add("Reshape", [params, joined(write, [constant(ints([-1])), rest])], { T: attrs["Tparams"] ?? typeAttr("DT_FLOAT") });
  const { batch_dims: _, ...plain } = attrs;
  const rows = add("GatherV2", [flat, places, constant(scalar(0))], plain);
  become("Reshape", [rows, joined(write, [shapeOf(write, indices), rest])], { T: attrs["Tparams"] ?? typeAttr("DT_FLOAT") });
  return true;
};

/** Axes turned round, each as a gather of the places from where its elements come. */
export const lowerRoll: Rule = ({ inputs, attrs }, write) => {
  const { add, constant, constantOf, become } = write;
  const [input = "", shiftInput, axisInput] = inputs;
  const [shift, axes] = [constantOf(shiftInput), constantOf(axisInput)];
  if (shift === undefined || axes === undefined || shift.data.length !== axes.data.length || shift.data.length === 0) return false;
  const by = toNumbers(shift);
  let result = input;
  for (const [at, axis] of toNumbers(axes).entries()) {
    const size = add("StridedSlice", [shapeOf(write, input), constant(ints([axis])), constant(ints([axis === -1 ? 0 : axis + 1])), constant(ints([1]))], { ...SLICE, shrink_axis_mask: { i: "1" }, ...(axis === -1 ? { end_mask: { i: "1" } } : {}) });
    const places = add("Sub", [add("Range", [constant(scalar(0)), size, constant(scalar(1))], { Tidx: typeAttr("DT_INT32") }), constant(scalar(by[at] ?? 0))], INT);
    result = add("GatherV2", [result, add("FloorMod", [places, size], INT), constant(scalar(axis))], { Tparams: attrs["T"] ?? typeAttr("DT_FLOAT"), Tindices: typeAttr("DT_INT32"), Taxis: typeAttr("DT_INT32") });
  }
  become("Identity", [result], { T: attrs["T"] ?? typeAttr("DT_FLOAT") });
  return true;
};

/** Blocks of an image into its channels; TF.js has the way back alone. */
export const lowerSpaceToDepth: Rule = ({ inputs, attrs }, write) => {
  const { add, constant, become } = write;
  if (textOf(attrs, "data_format", "NHWC") !== "NHWC") return false;
  const [image = ""] = inputs;
  const block = constant(ints([intOf(attrs, "block_size", 2)]));
  const T = { T: attrs["T"] ?? typeAttr("DT_FLOAT") };
  const shape = shapeOf(write, image);
  const size = (axis: number): string => sizesOf(write, shape, axis, 1);
  const high = add("FloorDiv", [size(1), block], INT);
  const wide = add("FloorDiv", [size(2), block], INT);
  const blocks = add("Transpose", [add("Reshape", [image, joined(write, [size(0), high, block, wide, block, size(3)])], T), constant(ints([0, 1, 3, 2, 4, 5]))], T);
  become("Reshape", [blocks, joined(write, [size(0), high, wide, constant(ints([-1]))])], T);
  return true;
};
