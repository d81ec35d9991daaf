import { DTYPES, type DType } from "../../../../protocol/dtype.ts";
import type { TensorData } from "../../../../protocol/tensor.ts";

type Numbers = Exclude<TensorData, readonly Uint8Array[]>;

/** Little-endian elements as TensorFlow stores them, in `tensor_content` and in data shards, as an array of their own. */
export function numbersOf(dtype: Exclude<DType, "string">, bytes: Uint8Array<ArrayBuffer>): Numbers {
  // A copy: elements must lie at multiples of their size, and the file's bytes need not be kept for them.
  return overBuffer(dtype, bytes.slice().buffer);
}

/**
 * Strings as TensorFlow stores them: every length as a varint, `gap` bytes of something else, then the bytes of all strings.
 * @returns undefined where that does not add up to `bytes`
 */
export function stringsOf(bytes: Uint8Array<ArrayBuffer>, count: number, gap = 0): { readonly lengths: readonly number[]; readonly lengthsEnd: number; readonly strings: readonly Uint8Array[] } | undefined {
  const lengths: number[] = [];
  let at = 0;
  let total = 0;
  while (lengths.length < count) {
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || scale > 2 ** 28) return undefined;
      length += (byte & 127) * scale;
      if (byte < 128) break;
    }
    lengths.push(length);
    total += length;
  }
  const lengthsEnd = at;
  at += gap;
  if (at + total !== bytes.byteLength) return undefined;
  return { lengths, lengthsEnd, strings: lengths.map((length) => bytes.slice(at, (at += length))) };
}

/** As many zeros. */
export function zeros(dtype: Exclude<DType, "string">, count: number): Numbers {
  return overBuffer(dtype, new ArrayBuffer(count * DTYPES[dtype].bytes));
}

function overBuffer(dtype: Exclude<DType, "string">, buffer: ArrayBuffer): Numbers {
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
    case "int64":
      return new BigInt64Array(buffer);
    case "uint8":
    case "bool":
      return new Uint8Array(buffer);
    case "uint32":
      return new Uint32Array(buffer);
    case "uint64":
      return new BigUint64Array(buffer);
  }
}
