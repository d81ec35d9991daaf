import { DTYPES, dtypeOfProto, type DType, type EngineDType } from "../../../protocol/dtype.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { nodeOf } from "../graph-nodes.ts";
import type { AttrValue, Attrs } from "./attrs.ts";
import type { Constant, Graph } from "./graph.ts";
import { scopesOf } from "./rewrite.ts";
import { toNumbers } from "./tensor-values.ts";

const LEAST = -(2 ** 31);
const MOST = 2 ** 31 - 1;
/** Half precision weights of this many elements stay as they are stored; smaller ones are more useful as plain numbers. */
const STORED_ELEMENTS = 1_024;

/** How far slices reach: more than there is means to the end, so that the largest 32 bits do as well. */
const BOUNDS: Readonly<Record<string, readonly number[]>> = { StridedSlice: [1, 2], Slice: [2] };

export interface MappedDTypes {
  readonly did: readonly string[];
  /** Constants that do not fit, by node, and why. */
  readonly misfits: ReadonlyMap<string, string>;
}

/** Gives constants and attributes the dtypes that TF.js has: float32 for every float, int32 for every integer. */
export function mapDTypes(graph: Graph): MappedDTypes {
  const bounds = boundsOf(graph);
  const misfits = new Map<string, string>();
  const counts = new Map<string, number>();
  for (const [name, constant] of graph.constants) {
    if (constant.kind === "stored") continue;
    const { dtype } = constant.tensor;
    const mapped = mapConstant(name, constant.tensor, bounds.has(name));
    if (mapped === undefined) continue;
    if (typeof mapped === "string") {
      misfits.set(name, mapped);
      continue;
    }
    graph.constants.set(name, mapped);
    const change = `${dtype} to ${mapped.tensor.dtype}`;
    counts.set(change, (counts.get(change) ?? 0) + 1);
  }
  for (const scope of scopesOf(graph)) {
    for (const node of scope.nodes) node.attrs = mapAttrs(node.attrs);
    const { function: body } = scope;
    if (body === undefined) continue;
    body.args = body.args.map(({ name, type }) => ({ name, type: mapType(type) }));
    body.results = body.results.map(({ name, type, from }) => ({ name, type: mapType(type), from }));
  }
  return { did: [...counts].map(([change, count]) => `made ${count} constants of ${change}`), misfits };
}

/** Constants that are used for nothing but bounds of slices. */
function boundsOf(graph: Graph): ReadonlySet<string> {
  const bounds = new Set<string>();
  const others = new Set<string>();
  for (const { nodes } of scopesOf(graph)) {
    for (const { op, inputs } of nodes) inputs.forEach((input, at) => (BOUNDS[op]?.includes(at) === true ? bounds : others).add(nodeOf(input)));
  }
  for (const name of others) bounds.delete(name);
  return bounds;
}

/** The constant in the engine's dtype; undefined where it is in that already, text where it cannot be. */
export function mapConstant(name: string, tensor: Tensor, isBound = false): Constant | string | undefined {
  const engine = DTYPES[tensor.dtype].engine;
  if (tensor.dtype === engine) return undefined;
  switch (engine) {
    case "float32":
      return tensor.dtype === "float16" && tensor.data.length >= STORED_ELEMENTS ? storedHalf(name, tensor) : dense(tensor, engine, new Float32Array(toNumbers(tensor)));
    case "int32":
      return narrowed(name, tensor, isBound);
    default:
      return `the constant ${name} is ${tensor.dtype}, which TensorFlow.js does not compute with`;
  }
}

function dense(tensor: Tensor, dtype: EngineDType, data: Tensor["data"]): Constant {
  return { kind: "dense", tensor: { dtype, shape: tensor.shape, data } };
}

function storedHalf(name: string, { shape, data }: Tensor): Constant {
  if (!(data instanceof Uint16Array)) throw new TypeError("unreachable: half precision is kept as its bits");
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { kind: "stored", tensor: { name, dtype: "float32", shape: [...shape], quantization: { dtype: "float16" }, width: 2, bytes } };
}

function narrowed(name: string, tensor: Tensor, isBound: boolean): Constant | string {
  const { data } = tensor;
  if (!ArrayBuffer.isView(data)) throw new TypeError("unreachable: integers are in typed arrays");
  const narrow = new Int32Array(data.length);
  for (let i = 0; i < narrow.length; i++) {
    const value = data[i] ?? 0;
    if ((value < LEAST || value > MOST) && !isBound) {
      return `the constant ${name} of type ${tensor.dtype} holds ${value}, which does not fit the 32 bits that TensorFlow.js computes integers in`;
    }
    narrow[i] = Math.min(Math.max(Number(value), LEAST), MOST);
  }
  return dense(tensor, "int32", narrow);
}

function mapAttrs(attrs: Attrs): Attrs {
  const mapped: Attrs = {};
  for (const [name, value] of Object.entries(attrs)) mapped[name] = mapAttr(value);
  return mapped;
}

function mapAttr(value: AttrValue): AttrValue {
  if (value.type !== undefined) return { ...value, type: mapType(value.type) };
  if (value.list?.type !== undefined) return { ...value, list: { ...value.list, type: value.list.type.map(mapType) } };
  return value;
}

/** `DT_INT64` as `DT_INT32`; what is no dtype of a tensor stays as it is. */
function mapType(type: string): string {
  const dtype: DType | undefined = dtypeOfProto(type.replace(/_REF$/, ""));
  const engine = dtype === undefined ? null : DTYPES[dtype].engine;
  return engine === null ? type : DTYPES[engine].proto;
}
