import { DTYPES, type DType } from "../../../../protocol/dtype.ts";
import { AshoreError } from "../../../../protocol/errors.ts";
import { dataOver } from "../../../../protocol/rest/tensor-data.ts";
import type { TensorData } from "../../../../protocol/tensor.ts";
import { ByteCursor } from "./byte-cursor.ts";

type Numbers = Exclude<TensorData, readonly Uint8Array[]>;

/**
 * Little-endian elements as TensorFlow stores them, in `tensor_content` and in data shards, as an array of their own.
 * @throws MODEL_MALFORMED where they are not `count`
 */
export function numbersOf(dtype: Exclude<DType, "string">, bytes: Uint8Array<ArrayBuffer>, count: number, what: string): Numbers {
  if (bytes.byteLength !== count * DTYPES[dtype].bytes) throw new AshoreError("MODEL_MALFORMED", `${what} has ${bytes.byteLength} bytes, which are not ${count} elements of ${dtype}.`);
  // A copy: elements must lie at multiples of their size, and the file's bytes need not be kept for them.
  return dataOver(dtype, bytes.slice().buffer);
}

/**
 * Strings as TensorFlow stores them: every length as a varint, `gap` bytes of something else, then the bytes of all strings.
 * @throws MODEL_MALFORMED where that does not add up to `bytes`
 */
export function stringsOf(bytes: Uint8Array<ArrayBuffer>, count: number, what: string, gap = 0): { readonly lengths: readonly number[]; readonly gap: Uint8Array<ArrayBuffer>; readonly strings: readonly Uint8Array[] } {
  const cursor = new ByteCursor(bytes, what);
  const lengths: number[] = [];
  while (lengths.length < count) lengths.push(cursor.varint());
  const between = cursor.take(gap);
  const strings = lengths.map((length) => cursor.take(length).slice());
  if (cursor.left > 0) throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: ${cursor.left} bytes follow its ${count} strings.`);
  return { lengths, gap: between, strings };
}

/** As many zeros. */
export function zeros(dtype: Exclude<DType, "string">, count: number): Numbers {
  return dataOver(dtype, new ArrayBuffer(count * DTYPES[dtype].bytes));
}
