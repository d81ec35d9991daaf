import { nodeOf } from "../graph-nodes.ts";
import { intAttr, intOf, typeAttr, type Attrs } from "./attrs.ts";
import { dataInputs, referTo } from "./references.ts";
import type { Rule, Writer } from "./rewrite.ts";
import { ints, scalar } from "./tensor-values.ts";

const INT = { T: typeAttr("DT_INT32") };
const SLICE = { ...INT, Index: typeAttr("DT_INT32") };

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

/** Sums of segments as ScatterNd, which adds what falls on one place. */
export const lowerSegmentSum: Rule = ({ op, inputs, attrs }, write) => {
  const { add, constant, become } = write;
  const [data = "", segments = "", count] = inputs;
  const size = op === "UnsortedSegmentSum" && count !== undefined ? add("Reshape", [count, constant(ints([1]))], INT) : onePast(write, segments);
  const rank = add("Shape", [add("Shape", [segments], { out_type: typeAttr("DT_INT32") })], { out_type: typeAttr("DT_INT32") });
  become("ScatterNd", [add("ExpandDims", [segments, constant(scalar(-1))], INT), data, rowsOf(write, size, data, rank)], { T: attrs["T"] ?? typeAttr("DT_FLOAT"), Tindices: typeAttr("DT_INT32") });
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
    const rank = add("Shape", [add("Shape", [indices[at] ?? ""], { out_type: typeAttr("DT_INT32") })], { out_type: typeAttr("DT_INT32") });
    return add("Reshape", [one, rowsOf(write, constant(ints([-1])), one, rank)], { T });
  });
  const places = joined(write, flat, INT);
  become("ScatterNd", [add("ExpandDims", [places, constant(scalar(-1))], INT), joined(write, rows, { T }), rowsOf(write, onePast(write, places), rows[0] ?? "", constant(ints([1])))], { T, Tindices: typeAttr("DT_INT32") });
  return true;
};

function areDifferent(indices: readonly string[], { node, constantOf }: Writer): boolean {
  const known = indices.map((index) => constantOf(index));
  if (known.every((one) => one !== undefined)) {
    const values = known.flatMap((one) => Array.from<number | bigint | Uint8Array, number>(one.data, Number));
    return new Set(values).size === values.length;
  }
  // What a partition of a range became: each of its parts once.
  const [first] = indices;
  const parts = first === undefined ? undefined : node(first);
  if (parts?.op !== "IdentityN" || !indices.every((index, at) => index === referTo(parts.name, at))) return false;
  const part = node(parts.inputs[0] ?? "");
  const range = part?.op === "GatherNd" ? node(part.inputs[0] ?? "") : undefined;
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
  const shape = add("Shape", [tensor], { out_type: typeAttr("DT_INT32") });
  return joined(write, [size, add("Slice", [shape, from, constant(ints([-1]))], SLICE)], INT);
}

function joined({ add, constant }: Writer, parts: readonly string[], attrs: Attrs): string {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : add("ConcatV2", [...parts, constant(scalar(0))], { ...attrs, N: intAttr(parts.length), Tidx: typeAttr("DT_INT32") });
}
