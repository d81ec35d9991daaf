import type { DType } from "../dtype.ts";
import { AshoreError } from "../errors.ts";
import { elementCount, type Tensor } from "../tensor.ts";
import { encodeBase64 } from "./base64.ts";

/**
 * The body of a predict request in columnar form, from tensors or nested arrays by input key; strings are written as
 * `{"b64": "…"}`, whatever bytes they are.
 * @throws INVALID_ARGUMENT for what JSON cannot carry: complex and 16-bit floating point tensors
 */
export function writePredictRequest(inputs: Readonly<Record<string, unknown>>, signatureDef?: string): string {
  const columns = Object.entries(inputs).map(([key, value]) => `${JSON.stringify(key)}:${isTensor(value) ? tensorText(key, value) : nestedText(key, value)}`);
  const name = signatureDef === undefined ? "" : `"signature_name":${JSON.stringify(signatureDef)},`;
  return `{${name}"inputs":{${columns.join(",")}}}`;
}

function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "dtype" in value && "shape" in value;
}

const UNWRITABLE: readonly DType[] = ["float16", "bfloat16", "complex64", "complex128"];

function tensorText(key: string, { dtype, shape, data }: Tensor): string {
  if (UNWRITABLE.includes(dtype)) throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is ${dtype}, which no JSON request can carry to the server; this device has to answer it.`);
  const write = (element: unknown): string => (dtype === "bool" ? String(element !== 0) : leafText(key, element));
  const level = (depth: number, from: number): string => {
    const size = shape[depth];
    if (size === undefined) return write(data[from]);
    const stride = elementCount(shape.slice(depth + 1));
    return `[${Array.from({ length: size }, (_, at) => level(depth + 1, from + at * stride)).join(",")}]`;
  };
  return level(0, 0);
}

function nestedText(key: string, value: unknown): string {
  return Array.isArray(value) ? `[${value.map((one) => nestedText(key, one)).join(",")}]` : leafText(key, value);
}

function leafText(key: string, leaf: unknown): string {
  // TensorFlow Serving reads NaN, Infinity and -Infinity as they stand here, which JSON has no words for.
  if (typeof leaf === "number") return Object.is(leaf, -0) ? "-0.0" : String(leaf);
  if (typeof leaf === "bigint" || typeof leaf === "boolean") return String(leaf);
  if (typeof leaf === "string") return JSON.stringify(leaf);
  if (leaf instanceof Uint8Array) return `{"b64":"${new TextDecoder().decode(encodeBase64(leaf))}"}`;
  throw new AshoreError("INVALID_ARGUMENT", `Input ${key} holds a ${typeof leaf}, which no request can carry.`);
}
