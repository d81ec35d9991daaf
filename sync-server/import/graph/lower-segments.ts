import { nodeOf } from "../graph-nodes.ts";
import { intOf, typeAttr } from "./attrs.ts";
import { dataInputs, referTo } from "./references.ts";
import type { Rule, Writer } from "./rewrite.ts";
import { ints, scalar } from "./tensor-values.ts";
import { INT, joined, shapeOf, SLICE } from "./write-shapes.ts";


/** The number of the bucket of each value, of boundaries that are in its attributes: how many of them it has reached. */
export const lowerBucketize: Rule = ({ inputs, attrs }, { add, constant, become }) => {
  const boundaries = attrs["boundaries"]?.list?.f ?? [];
  const [x = ""] = inputs;
  const values = add("Cast", [x], { SrcT: attrs["T"] ?? typeAttr("DT_FLOAT"), DstT: typeAttr("DT_FLOAT") });
  const limits = constant({ dtype: "float32", shape: [boundaries.length], data: Float32Array.from(boundaries, Number) });
  const reached = add("GreaterEqual", [add("ExpandDims", [values, constant(scalar(-1))], { T: typeAttr("DT_FLOAT") }), limits], { T: typeAttr("DT_FLOAT") });
  become("Sum", [add("Cast", [reached], { SrcT: typeAttr("DT_BOOL"), DstT: typeAttr("DT_INT32") }), constant(ints([-1]))], INT);
  return true;
};

/**
 * Sums of segments as ScatterNd, which adds what falls on one place. Rows of a segment that there is not (a negative one, for which
 * there is no place in memory either) go to one behind the last, which is cut off.
 */
export const lowerSegmentSum: Rule = ({ op, inputs, attrs }, write) => {
  const { add, constant, become } = write;
  const [data = "", segments = "", count] = inputs;
  const T = attrs["T"] ?? typeAttr("DT_FLOAT");
  const size = op === "UnsortedSegmentSum" && count !== undefined ? add("Reshape", [count, constant(ints([1]))], INT) : onePast(write, segments);
  const isThere = add("LogicalAnd", [add("GreaterEqual", [segments, constant(scalar(0))], INT), add("Less", [segments, size], INT)]);
  const places = add("ExpandDims", [add("SelectV2", [isThere, segments, size], INT), constant(scalar(-1))], INT);
  const rows = rowsOf(write, add("AddV2", [size, constant(ints([1]))], INT), data, shapeOf(write, shapeOf(write, segments)));
  const sums = add("ScatterNd", [places, data, rows], { T, Tindices: typeAttr("DT_INT32") });
  become("StridedSlice", [sums, constant(ints([0])), size, constant(ints([1]))], { T, Index: typeAttr("DT_INT32") });
  return true;
};

/** Each partition as the rows whose number is its own. */
export const lowerDynamicPartition: Rule = ({ inputs, attrs }, { add, constant, become }) => {
  const [data = "", partitions = ""] = inputs;
  const parts = Array.from({ length: intOf(attrs, "num_partitions", 1) }, (_, number) => {
    const rows = add("Where", [add("Equal", [partitions, constant(scalar(number))], INT)], { T: typeAttr("DT_BOOL") });
    return add("GatherNd", [data, rows], { Tparams: attrs["T"] ?? typeAttr("DT_FLOAT"), Tindices: typeAttr("DT_INT32") });
  });
  become("IdentityN", parts, {});
  return true;
};

/**
 * Rows put where their indices say, as ScatterNd. That adds what is put on one place, where here the last counts: so only where the
 * indices are known to be different, being the parts of a range that was partitioned, or constants.
 */
export const lowerDynamicStitch: Rule = ({ inputs, attrs }, write) => {
  const { add, constant, become } = write;
  const all = dataInputs(inputs);
  const count = intOf(attrs, "N", all.length / 2);
  const indices = all.slice(0, count);
  const data = all.slice(count);
  if (data.length !== count || !areDifferent(indices, write)) return false;
  const T = attrs["T"] ?? typeAttr("DT_FLOAT");
  const flat = indices.map((one) => add("Reshape", [one, constant(ints([-1]))], INT));
  const rows = data.map((one, at) => {
    const rank = shapeOf(write, shapeOf(write, indices[at] ?? ""));
    return add("Reshape", [one, rowsOf(write, constant(ints([-1])), one, rank)], { T });
  });
  const places = joined(write, flat);
  become("ScatterNd", [add("ExpandDims", [places, constant(scalar(-1))], INT), joined(write, rows, { T }), rowsOf(write, onePast(write, places), rows[0] ?? "", constant(ints([1])))], { T, Tindices: typeAttr("DT_INT32") });
  return true;
};

function areDifferent(indices: readonly string[], { node, constantOf }: Writer): boolean {
  const known = indices.map((index) => constantOf(index));
  if (known.every((one) => one !== undefined)) {
    const values = known.flatMap((one) => Array.from<number | bigint | Uint8Array, number>(one.data, Number));
    return new Set(values).size === values.length;
  }
  // What the partition of a range became: each of its parts once, all of one range and by one vector of numbers.
  const [first] = indices;
  const parts = first === undefined ? undefined : node(first);
  if (parts?.op !== "IdentityN" || !indices.every((index, at) => index === referTo(parts.name, at))) return false;
  const made = parts.inputs.map((input) => {
    const part = node(input);
    const equal = part?.op === "GatherNd" ? node(node(part.inputs[1] ?? "")?.inputs[0] ?? "") : undefined;
    return equal?.op === "Equal" ? `${part?.inputs[0]} ${equal.inputs[0]}` : undefined;
  });
  if (made[0] === undefined || new Set(made).size !== 1) return false;
  const range = node(node(parts.inputs[0] ?? "")?.inputs[0] ?? "");
  return range?.op === "Range" || (range?.op === "Reshape" && node(nodeOf(range.inputs[0] ?? ""))?.op === "Range");
}

/** The largest index and one, as a shape of one size. */
function onePast({ add, constant }: Writer, indices: string): string {
  const most = add("Max", [add("Reshape", [indices, constant(ints([-1]))], INT), constant(ints([0]))], { ...INT, keep_dims: { b: true } });
  return add("AddV2", [most, constant(ints([1]))], INT);
}

/** A shape: this size, then the sizes of a tensor from that axis on. */
function rowsOf(write: Writer, size: string, tensor: string, from: string): string {
  const { add, constant } = write;
  return joined(write, [size, add("Slice", [shapeOf(write, tensor), from, constant(ints([-1]))], SLICE)]);
}
