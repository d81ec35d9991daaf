import type { DType } from "../dtype.ts";
import { float32ToBfloat16, float32ToFloat16 } from "../half.ts";
import type { TensorData } from "../tensor.ts";

/** An input's dtype, and the one that its elements are read as. */
export interface ElementType {
  readonly dtype: DType;
  /** 8 and 16 bit integers travel as int32 in TensorFlow Serving; where they may be sent, half precision floats as float64. */
  readonly carried: DType;
}

/** @param extended whether uint16, half and bfloat16 may be sent */
export function elementType(dtype: DType, extended: boolean): ElementType {
  const isInt32 = dtype === "int8" || dtype === "int16" || dtype === "uint8" || (extended && dtype === "uint16");
  const isFloat64 = extended && (dtype === "float16" || dtype === "bfloat16");
  return { dtype, carried: isInt32 ? "int32" : isFloat64 ? "float64" : dtype };
}

/** A dtype's elements over a buffer that holds their bytes; `string` has none. */
export function dataOver(dtype: Exclude<DType, "string">, buffer: ArrayBuffer): Exclude<TensorData, readonly Uint8Array[]>;
export function dataOver(dtype: DType, buffer: ArrayBuffer): TensorData;
export function dataOver(dtype: DType, buffer: ArrayBuffer): TensorData {
  switch (dtype) {
    case "float32":
    case "complex64":
      return new Float32Array(buffer);
    case "float64":
    case "complex128":
      return new Float64Array(buffer);
    case "float16":
    case "bfloat16":
    case "uint16":
      return new Uint16Array(buffer);
    case "int8":
      return new Int8Array(buffer);
    case "int16":
      return new Int16Array(buffer);
    case "int32":
      return new Int32Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "int64":
      return new BigInt64Array(buffer);
    case "uint64":
      return new BigUint64Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
    case "string":
      return [];
  }
}

/** The first `count` elements of several lists of one dtype, one list after the other. */
export function joinData(dtype: DType, parts: readonly TensorData[], count: number): TensorData {
  if (dtype === "string") return parts.flatMap((part) => (isByteStrings(part) ? part : [])).slice(0, count);
  const bytes = new Uint8Array(count * widthOf(dtype));
  let length = 0;
  for (const part of parts) {
    if (isByteStrings(part)) continue;
    const source = new Uint8Array(part.buffer, part.byteOffset, Math.min(part.byteLength, bytes.length - length));
    bytes.set(source, length);
    length += source.length;
  }
  return dataOver(dtype, bytes.buffer);
}

/** Elements as the 8 or 16 bit type that they were carried for: integers modulo its width, as TensorFlow narrows them. */
export function narrow(data: TensorData, dtype: DType): TensorData {
  if (data instanceof Float64Array) {
    if (dtype === "float16") return Uint16Array.from(data, float32ToFloat16);
    return dtype === "bfloat16" ? Uint16Array.from(data, float32ToBfloat16) : data;
  }
  if (!(data instanceof Int32Array)) return data;
  switch (dtype) {
    case "uint16":
      return new Uint16Array(data);
    case "int8":
      return new Int8Array(data);
    case "int16":
      return new Int16Array(data);
    case "uint8":
      return new Uint8Array(data);
    default:
      return data;
  }
}

export function isByteStrings(data: TensorData): data is readonly Uint8Array[] {
  return Array.isArray(data);
}

function widthOf(dtype: DType): number {
  const data = dataOver(dtype, new ArrayBuffer(0));
  return isByteStrings(data) ? 0 : data.BYTES_PER_ELEMENT;
}
