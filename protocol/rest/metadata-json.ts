import { DTYPES, type DType } from "../dtype.ts";
import type { SignatureDef, SmallTensor, TensorInfo } from "../manifest.ts";
import { tensorOfJson } from "../small-tensor.ts";
import { elementCount } from "../tensor.ts";
import { encodeBase64 } from "./base64.ts";
import { printProtoJson } from "./proto-json.ts";

export interface ModelMetadata {
  readonly model: string;
  readonly version: number;
  readonly signatureDefs: Readonly<Record<string, SignatureDef>>;
}

/**
 * A version's signature defs as `GET …/metadata` answers them: two pieces of protobuf's JSON glued together, so that
 * `signature_def` stands twice and line breaks fall oddly (`http_rest_api_util.cc`, `ToJsonString`).
 */
export function writeModelMetadata({ model, version, signatureDefs }: ModelMetadata): Uint8Array<ArrayBuffer> {
  const spec = printProtoJson({ name: model, signature_name: "", version: String(version) });
  const map = printProtoJson({ signature_def: mapValues(signatureDefs, signatureDef) });
  return new TextEncoder().encode(`{\n"model_spec":${spec}\n,\n"metadata": {"signature_def": ${map}\n}\n}\n`);
}

function signatureDef({ inputs, outputs, methodName, defaults = {} }: SignatureDef): object {
  const values = mapValues(defaults, (value, key) => tensorProto(value, inputs[key]?.dtype ?? "float32"));
  return { inputs: mapValues(inputs, tensorInfo), outputs: mapValues(outputs, tensorInfo), method_name: methodName, defaults: values };
}

function tensorInfo({ dtype, shape, name }: TensorInfo): object {
  return { dtype: DTYPES[dtype].proto, tensor_shape: shapeProto(shape), name };
}

function shapeProto(shape: readonly number[] | null): object {
  return { dim: (shape ?? []).map((size) => ({ size: String(size), name: "" })), unknown_rank: shape === null };
}

/** The lists of a TensorProto in the order of tensor.proto, and the dtypes whose elements they hold. */
const LISTS: readonly (readonly [string, ...DType[]])[] = [
  ["half_val", "float16", "bfloat16"],
  ["float_val", "float32"],
  ["double_val", "float64"],
  ["int_val", "int8", "int16", "int32", "uint8", "uint16"],
  ["string_val", "string"],
  ["scomplex_val", "complex64"],
  ["int64_val", "int64"],
  ["bool_val", "bool"],
  ["dcomplex_val", "complex128"],
  ["resource_handle_val"],
  ["variant_val"],
  ["uint32_val", "uint32"],
  ["uint64_val", "uint64"],
];

/** A tensor as TensorFlow's own makers leave it: a single element and strings in the list of their dtype, more numbers as bytes. */
function tensorProto(value: SmallTensor, dtype: DType): object {
  const { shape, values } = value;
  const { data } = tensorOfJson(value, dtype, "A default");
  const content = elementCount(shape) > 1 && ArrayBuffer.isView(data) ? new TextDecoder().decode(encodeBase64(new Uint8Array(data.buffer))) : "";
  const lists = LISTS.map(([name, ...dtypes]) => [name, content === "" && dtypes.includes(dtype) ? values : []] as const);
  return { dtype: DTYPES[dtype].proto, tensor_shape: shapeProto(shape), version_number: 0, tensor_content: content, ...Object.fromEntries(lists), float8_val: "" };
}

function mapValues<T>(map: Readonly<Record<string, T>>, change: (value: T, key: string) => object): Readonly<Record<string, object>> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value, key)]));
}
