import type { DType } from "../../../protocol/dtype.ts";
import { elementCount, type NamedTensors, type Tensor, type TensorData } from "../../../protocol/tensor.ts";

/** The engine's tensors, put together and taken apart along their 0th dimension; what is given out shares no memory with what came in. */

/** Some rows of every tensor. */
export function sliceRows(tensors: NamedTensors, from: number, to: number): NamedTensors {
  return mapTensors(tensors, ({ dtype, shape: [rows = 1, ...row], data }) => {
    const width = data.length / rows;
    return { dtype, shape: [to - from, ...row], data: data.slice(from * width, to * width) };
  });
}

/**
 * All rows, one part after the other. Where the parts' other dimensions differ, the smaller ones are filled up with their own
 * first element; and `spare` rows more repeat the first of the last part (TensorFlow Serving's two paddings).
 */
export function joinRows(parts: readonly NamedTensors[], spare = 0): NamedTensors {
  return mapTensors(parts[0] ?? {}, (_, name) => join(parts.flatMap((part) => part[name] ?? []), spare));
}

function mapTensors(tensors: NamedTensors, change: (tensor: Tensor, name: string) => Tensor): NamedTensors {
  const changed: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) changed[name] = change(tensor, name);
  return changed;
}

function join(tensors: readonly Tensor[], spare: number): Tensor {
  const first = tensors[0];
  const last = tensors.at(-1);
  if (first === undefined || last === undefined) throw new TypeError("There is nothing to join.");
  const { dtype } = first;
  const row = first.shape.slice(1).map((_, axis) => Math.max(...tensors.map(({ shape }) => shape[axis + 1] ?? 0)));
  const rows = tensors.reduce((sum, { shape }) => sum + (shape[0] ?? 0), spare);
  const shape = [rows, ...row];
  const data = blank(dtype, shape);
  const width = data.length / rows;
  let at = 0;
  for (const tensor of tensors) {
    putRows(data, at, tensor, row);
    at += (tensor.shape[0] ?? 0) * width;
  }
  const model = at - (last.shape[0] ?? 0) * width;
  for (; at < data.length; at += width) put(data, at, data.slice(model, model + width));
  return { dtype, shape, data };
}

/** What an element assignment needs of any array of elements. */
interface Elements {
  readonly length: number;
  [at: number]: number | Uint8Array;
}

function blank(dtype: DType, shape: readonly number[]): TensorData {
  const count = elementCount(shape);
  switch (dtype) {
    case "string":
      return new Array<Uint8Array>(count);
    case "int32":
      return new Int32Array(count);
    case "bool":
      return new Uint8Array(count);
    case "complex64":
      return new Float32Array(2 * count);
    default:
      return new Float32Array(count);
  }
}

function put(into: TensorData, at: number, data: TensorData): void {
  if (Array.isArray(into)) for (let i = 0; i < data.length; i++) into[at + i] = data[i];
  // Of one dtype, so of one class.
  else (into as Float32Array).set(data as Float32Array, at);
}

/** Writes a tensor's rows, each filled up to a larger shape where it is smaller. */
function putRows(into: TensorData, at: number, { dtype, shape, data }: Tensor, row: readonly number[]): void {
  if (row.every((size, axis) => size === shape[axis + 1])) return put(into, at, data);
  const wide = [shape[0] ?? 0, ...row];
  // A complex element is two numbers, as if there were one more dimension.
  const unit = dtype === "complex64" ? 2 : 1;
  const [from, to] = [data as Elements, into as Elements];
  const count = elementCount(wide) * unit;
  if (data.length > 0) for (let i = 0; i < count; i++) to[at + i] = from[i % unit] ?? 0;
  const copy = (axis: number, source: number, sourceSize: number, target: number, targetSize: number): void => {
    if (axis === shape.length) {
      for (let i = 0; i < unit; i++) to[target + i] = from[source + i] ?? 0;
      return;
    }
    const [size = 0, full = 1] = [shape[axis], wide[axis]];
    for (let i = 0; i < size; i++) copy(axis + 1, source + (i * sourceSize) / size, sourceSize / size, target + (i * targetSize) / full, targetSize / full);
  };
  copy(0, 0, data.length, at, count);
}
