import { DTYPES, type DType } from "../../../protocol/dtype.ts";
import { elementCount, type Tensor } from "../../../protocol/tensor.ts";

/** Messages as plain objects, as `encodeProto` takes them. */
export type Proto = Readonly<Record<string, unknown>>;
export type GraphDType = DType | "resource" | "variant";
/** null: of any rank; -1: a size that is not known. */
export type Shape = readonly number[] | null;

export function typeProto(dtype: GraphDType): string {
  return dtype === "resource" ? "DT_RESOURCE" : dtype === "variant" ? "DT_VARIANT" : DTYPES[dtype].proto;
}

export function shapeProto(shape: Shape): Proto {
  return shape === null ? { unknown_rank: true } : { dim: shape.map((size) => ({ size })) };
}

export function tensorInfoProto(name: string, dtype: GraphDType, shape: Shape): Proto {
  return { name, dtype: typeProto(dtype), tensor_shape: shapeProto(shape) };
}

/** Attributes of nodes. */
export const attr = {
  type: (dtype: GraphDType): Proto => ({ type: typeProto(dtype) }),
  types: (dtypes: readonly GraphDType[]): Proto => ({ list: { type: dtypes.map(typeProto) } }),
  int: (i: number): Proto => ({ i }),
  ints: (i: readonly number[]): Proto => ({ list: { i } }),
  floats: (f: readonly number[]): Proto => ({ list: { f } }),
  float: (f: number): Proto => ({ f }),
  bool: (b: boolean): Proto => ({ b }),
  text: (text: string): Proto => ({ s: Buffer.from(text) }),
  texts: (texts: readonly string[]): Proto => ({ list: { s: texts.map((text) => Buffer.from(text)) } }),
  shape: (shape: Shape): Proto => ({ shape: shapeProto(shape) }),
  shapes: (shapes: readonly Shape[]): Proto => ({ list: { shape: shapes.map(shapeProto) } }),
  func: (name: string): Proto => ({ func: { name } }),
  tensor: (tensor: Tensor, form?: TensorForm): Proto => ({ tensor: tensorProto(tensor, form) }),
} as const;

/** How a TensorProto holds its elements: as bytes, each in the field of its type, or one for all. */
export type TensorForm = "content" | "typed" | "splat";

const TYPED_FIELDS: Readonly<Record<DType, string>> = {
  float32: "float_val", float64: "double_val", float16: "half_val", bfloat16: "half_val", int8: "int_val", int16: "int_val", int32: "int_val",
  uint8: "int_val", uint16: "int_val", int64: "int64_val", uint32: "uint32_val", uint64: "uint64_val", bool: "bool_val", string: "string_val",
  complex64: "scomplex_val", complex128: "dcomplex_val",
};

/** As TensorFlow writes it unless told otherwise: one element in its field, more of them as bytes, strings always in their field. */
export function tensorProto({ dtype, shape, data }: Tensor, form: TensorForm = elementCount(shape) > 1 && dtype !== "string" ? "content" : "typed"): Proto {
  const head = { dtype: DTYPES[dtype].proto, tensor_shape: shapeProto(shape) };
  if (form === "content" && "buffer" in data) return { ...head, tensor_content: bytesOf(data) };
  const width = dtype.startsWith("complex") ? 2 : 1;
  const values = [...data].map((value) => (typeof value === "bigint" ? String(value) : value));
  return { ...head, [TYPED_FIELDS[dtype]]: form === "splat" ? values.slice(0, width) : values };
}

export function bytesOf(view: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Tensors in few words. */
export const tensor = {
  float: (shape: readonly number[], values: readonly number[]): Tensor => ({ dtype: "float32", shape, data: Float32Array.from(values) }),
  int: (shape: readonly number[], values: readonly number[]): Tensor => ({ dtype: "int32", shape, data: Int32Array.from(values) }),
  int64: (shape: readonly number[], values: readonly number[]): Tensor => ({ dtype: "int64", shape, data: BigInt64Array.from(values.map(BigInt)) }),
  bool: (shape: readonly number[], values: readonly boolean[]): Tensor => ({ dtype: "bool", shape, data: Uint8Array.from(values, Number) }),
  strings: (shape: readonly number[], values: readonly string[]): Tensor => ({ dtype: "string", shape, data: values.map((text) => new Uint8Array(Buffer.from(text))) }),
} as const;
