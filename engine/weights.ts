import { complex, engine, tensor as tensorOf, type NamedTensorMap, type Tensor } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";
import { elementCount } from "../protocol/tensor.ts";
import type { IndexedTensor } from "../protocol/tensor-index.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * A graph's weights on the realm's backend, tensor by tensor. A shard is let go (taken out of `shards`) after the last tensor
 * that lies in it, so that the peak is the backend's copy plus what is not yet read.
 * @throws MODEL_MALFORMED where a tensor's bytes are not as its entry says
 */
export function decodeWeights(tensors: readonly IndexedTensor[], shards: (Bytes | undefined)[]): NamedTensorMap {
  const sizes = shards.map((shard) => shard?.byteLength ?? 0);
  const spans = tensors.map((tensor) => shardsOf(tensor, sizes));
  const lastUse = new Map<number, number>();
  spans.forEach((span, i) => span.forEach((shard) => lastUse.set(shard, i)));
  const weights: NamedTensorMap = {};
  try {
    tensors.forEach((tensor, i) => {
      weights[tensor.name] = decodeTensor(tensor, bytesOf(tensor, shards));
      for (const shard of spans[i] ?? []) if (lastUse.get(shard) === i) shards[shard] = undefined;
    });
  } catch (thrown) {
    for (const weight of Object.values(weights)) weight.dispose();
    throw thrown;
  }
  return weights;
}

function shardsOf({ shard, offset, size }: IndexedTensor, sizes: readonly number[]): number[] {
  const used: number[] = [];
  for (let i = shard, start = offset, left = size; left > 0 && i < sizes.length; i++, start = 0) {
    used.push(i);
    left -= (sizes[i] ?? 0) - start;
  }
  return used;
}

/** The tensor's bytes: a view where they lie in one shard, else put together. */
function bytesOf({ name, shard, offset, size }: IndexedTensor, shards: readonly (Bytes | undefined)[]): Bytes {
  const first = shards[shard];
  if (size === 0) return new Uint8Array();
  if (first !== undefined && offset + size <= first.byteLength) return first.subarray(offset, offset + size);
  const bytes = new Uint8Array(size);
  let filled = 0;
  for (let i = shard, start = offset; filled < size; i++, start = 0) {
    const part = shards[i]?.subarray(start, start + size - filled);
    if (part === undefined) throw malformed(name, "its bytes lie outside the shards");
    bytes.set(part, filled);
    filled += part.byteLength;
  }
  return bytes;
}

function decodeTensor(tensor: IndexedTensor, bytes: Bytes): Tensor {
  const { name, dtype, shape, quantization } = tensor;
  const count = elementCount(shape);
  if (dtype === "string") return tensorOf(decodeStrings(name, bytes, count), [...shape], "string");
  const width = quantization === undefined ? { float32: 4, int32: 4, bool: 1, complex64: 8 }[dtype] : { uint8: 1, uint16: 2, float16: 2 }[quantization.dtype];
  if (bytes.byteLength !== count * width) {
    throw malformed(name, `it has ${bytes.byteLength} bytes where shape [${shape}] and its dtype need ${count * width}`);
  }
  if (quantization !== undefined) return engine().makeTensor(dequantize(tensor, quantization, bytes), [...shape], dtype);
  switch (dtype) {
    case "float32":
      return engine().makeTensor(new Float32Array(...aligned(bytes, 4)), [...shape], dtype);
    case "int32":
      return engine().makeTensor(new Int32Array(...aligned(bytes, 4)), [...shape], dtype);
    case "bool":
      return engine().makeTensor(bytes, [...shape], dtype);
    case "complex64":
      return complexTensor(new Float32Array(...aligned(bytes, 4)), shape);
  }
}

/** The arguments of a typed array's constructor over these bytes, copied where they do not start at a multiple of its width. */
function aligned(bytes: Bytes, width: number): [ArrayBuffer, number, number] {
  const at = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return [at.buffer, at.byteOffset, at.byteLength / width];
}

/** (real, imaginary) pairs as TF.js wants them: two tensors. */
export function complexTensor(pairs: Float32Array, shape: readonly number[]): Tensor {
  const count = pairs.length / 2;
  const parts = [0, 1].map((part) => Float32Array.from({ length: count }, (_, i) => pairs[2 * i + part] ?? 0));
  const [real, imaginary] = parts.map((part) => engine().makeTensor(part, [...shape], "float32"));
  if (real === undefined || imaginary === undefined) throw new TypeError("unreachable: two parts were made");
  try {
    return complex(real, imaginary);
  } finally {
    real.dispose();
    imaginary.dispose();
  }
}

/** TF.js's string weights: for each a little-endian uint32 length and its bytes. */
function decodeStrings(name: string, bytes: Bytes, count: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const strings: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; i < count; i++) {
    const start = at + 4;
    if (start > bytes.byteLength) throw malformed(name, `it ends before its string ${i}`);
    at = start + view.getUint32(at, true);
    if (at > bytes.byteLength) throw malformed(name, `it ends inside its string ${i}`);
    strings.push(bytes.slice(start, at));
  }
  if (at !== bytes.byteLength) throw malformed(name, `it has ${bytes.byteLength - at} bytes more than its strings`);
  return strings;
}

function dequantize({ name, dtype }: IndexedTensor, { dtype: stored, scale, min }: NonNullable<IndexedTensor["quantization"]>, bytes: Bytes): Float32Array | Int32Array {
  if (stored === "float16") {
    if (dtype !== "float32") throw malformed(name, `it is ${dtype} stored as float16`);
    return halfToFloat(new Uint16Array(...aligned(bytes, 2)));
  }
  if (scale === undefined || min === undefined) throw malformed(name, `it is stored as ${stored} without scale and min`);
  const values = stored === "uint8" ? bytes : new Uint16Array(...aligned(bytes, 2));
  if (dtype === "float32") {
    const floats = new Float32Array(values.length);
    for (let i = 0; i < values.length; i++) floats[i] = (values[i] ?? 0) * scale + min;
    return floats;
  }
  if (dtype === "int32") {
    const integers = new Int32Array(values.length);
    for (let i = 0; i < values.length; i++) integers[i] = Math.round((values[i] ?? 0) * scale + min);
    return integers;
  }
  throw malformed(name, `it is ${dtype} stored as ${stored}`);
}

let halves: Float32Array | undefined;

/** IEEE 754 binary16, through a table of all 65 536, made at the first use. */
function halfToFloat(bits: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 65_536 }, (_, half) => {
    const sign = half & 0x8000 ? -1 : 1;
    const exponent = (half >> 10) & 0x1f;
    const fraction = half & 0x3ff;
    if (exponent === 0) return sign * fraction * 2 ** -24;
    if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    return sign * (1024 + fraction) * 2 ** (exponent - 25);
  });
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) floats[i] = halves[bits[i] ?? 0] ?? 0;
  return floats;
}

function malformed(name: string, why: string): AshoreError {
  return new AshoreError("MODEL_MALFORMED", `The weight ${name} cannot be read: ${why}. Publish the model again.`);
}
