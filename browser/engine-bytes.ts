import { checkFeed, type EngineTensor, type EngineTensors } from "../engine/feeds.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import type { ModelBytes } from "../runtime/ports.ts";

/** What goes over a port, and which of its memory moves with it; all else is copied. A message copies whole buffers, however small the views into them. */
export interface Packed<T> {
  readonly value: T;
  readonly transfer: ArrayBuffer[];
}

/** A model's bytes. `keep`: they are needed here too. */
export function packModel({ graph, index, shards }: ModelBytes, keep: boolean): Packed<ModelBytes> {
  const transfer: ArrayBuffer[] = [];
  const pack = (bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> => {
    const packed = isWhole(bytes) ? bytes : bytes.slice();
    if (!keep || packed !== bytes) transfer.push(packed.buffer);
    return packed;
  };
  return { value: { graph: pack(graph), index: pack(index), shards: shards.map(pack) }, transfer };
}

/** Feeds, which stay the caller's. @throws INVALID_ARGUMENT for what no engine takes */
export function packFeeds(feeds: NamedTensors): Packed<EngineTensors> {
  const transfer: ArrayBuffer[] = [];
  const value: Record<string, EngineTensor> = {};
  for (const [name, feed] of Object.entries(feeds)) {
    const tensor = checkFeed(name, feed);
    if (tensor.dtype === "string" || isWhole(tensor.data)) {
      value[name] = tensor;
    } else {
      const data = tensor.data.slice();
      transfer.push(data.buffer);
      value[name] = { ...tensor, data } as EngineTensor;
    }
  }
  return { value, transfer };
}

/** The buffers of answers, which nobody else has. */
export function buffersOf(answers: NamedTensors): ArrayBuffer[] {
  const buffers = new Set<ArrayBuffer>();
  for (const { data } of Object.values(answers)) if (!isList(data)) buffers.add(data.buffer);
  return [...buffers];
}

function isWhole({ byteLength, buffer }: { readonly byteLength: number; readonly buffer: ArrayBuffer }): boolean {
  return byteLength === buffer.byteLength;
}

function isList<T>(data: T | readonly Uint8Array[]): data is readonly Uint8Array[] {
  return Array.isArray(data);
}
