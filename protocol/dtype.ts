/**
 * Data types, named as TensorFlow's Python and NumPy name them. `tf` is the lower-case name that TensorFlow Serving's
 * messages use, `proto` the name in tensorflow/core/framework/types.proto, `bytes` the width of one element (0: variable),
 * `engine` the type that TF.js computes it in (null: it cannot).
 */
export const DTYPES = {
  float32: { tf: "float", proto: "DT_FLOAT", bytes: 4, engine: "float32" },
  float64: { tf: "double", proto: "DT_DOUBLE", bytes: 8, engine: "float32" },
  float16: { tf: "half", proto: "DT_HALF", bytes: 2, engine: "float32" },
  bfloat16: { tf: "bfloat16", proto: "DT_BFLOAT16", bytes: 2, engine: "float32" },
  int8: { tf: "int8", proto: "DT_INT8", bytes: 1, engine: "int32" },
  int16: { tf: "int16", proto: "DT_INT16", bytes: 2, engine: "int32" },
  int32: { tf: "int32", proto: "DT_INT32", bytes: 4, engine: "int32" },
  int64: { tf: "int64", proto: "DT_INT64", bytes: 8, engine: "int32" },
  uint8: { tf: "uint8", proto: "DT_UINT8", bytes: 1, engine: "int32" },
  uint16: { tf: "uint16", proto: "DT_UINT16", bytes: 2, engine: "int32" },
  uint32: { tf: "uint32", proto: "DT_UINT32", bytes: 4, engine: "int32" },
  uint64: { tf: "uint64", proto: "DT_UINT64", bytes: 8, engine: "int32" },
  bool: { tf: "bool", proto: "DT_BOOL", bytes: 1, engine: "bool" },
  string: { tf: "string", proto: "DT_STRING", bytes: 0, engine: "string" },
  complex64: { tf: "complex64", proto: "DT_COMPLEX64", bytes: 8, engine: "complex64" },
  complex128: { tf: "complex128", proto: "DT_COMPLEX128", bytes: 16, engine: null },
} as const;

export type DType = keyof typeof DTYPES;
export type EngineDType = "float32" | "int32" | "bool" | "string" | "complex64";

export function isDType(text: unknown): text is DType {
  return typeof text === "string" && Object.hasOwn(DTYPES, text);
}

const BY_PROTO = new Map<string, DType>();
const BY_TF = new Map<string, DType>();
for (const [name, { proto, tf }] of Object.entries(DTYPES) as [DType, (typeof DTYPES)[DType]][]) {
  BY_PROTO.set(proto, name);
  BY_TF.set(tf, name);
}

/** `DT_FLOAT` (or its number in types.proto, which some converters write) as a dtype. */
export function dtypeOfProto(proto: string | number): DType | undefined {
  return typeof proto === "string" ? BY_PROTO.get(proto) : BY_PROTO_NUMBER.get(proto);
}

/** The numbers of tensorflow/core/framework/types.proto. */
const BY_PROTO_NUMBER = new Map<number, DType>([
  [1, "float32"], [2, "float64"], [3, "int32"], [4, "uint8"], [5, "int16"], [6, "int8"], [7, "string"], [8, "complex64"],
  [9, "int64"], [10, "bool"], [14, "bfloat16"], [17, "uint16"], [18, "complex128"], [19, "float16"], [22, "uint32"], [23, "uint64"],
]);

/** TensorFlow's lower-case name (`float`, `double`, `half`, …) as a dtype. */
export function dtypeOfTf(tf: string): DType | undefined {
  return BY_TF.get(tf);
}

