import type { NamedTensors, Tensor, TensorData } from "../protocol/tensor.ts";

/** From this size on, moving a buffer is cheaper than its two copies through the serializer. */
const TRANSFER_BYTES = 4096;

/**
 * Feeds as they can be posted: the caller keeps its own, and no more travels than the tensors' bytes (cloning a view clones
 * the whole buffer behind it). Buffers to be moved are added to `transfer`.
 */
export function packFeeds(feeds: NamedTensors, transfer: ArrayBuffer[]): NamedTensors {
  const packed: Record<string, Tensor> = {};
  for (const name in feeds) {
    const feed = feeds[name];
    if (feed !== undefined) packed[name] = { dtype: feed.dtype, shape: feed.shape, data: pack(feed.data, transfer) };
  }
  return packed;
}

function pack(data: TensorData, transfer: ArrayBuffer[]): TensorData {
  if (!ArrayBuffer.isView(data)) return data.map((bytes) => (isWhole(bytes) ? bytes : new Uint8Array(bytes)));
  if (data.byteLength < TRANSFER_BYTES) return isWhole(data) ? data : data.slice();
  const copy = data.slice();
  transfer.push(copy.buffer);
  return copy;
}

/** Adds the buffers of a thread's own answers that are worth moving to `transfer`. */
export function moveAnswers(answers: NamedTensors, transfer: ArrayBuffer[]): void {
  for (const name in answers) {
    const data = answers[name]?.data;
    if (data !== undefined && ArrayBuffer.isView(data) && data.byteLength >= TRANSFER_BYTES) transfer.push(data.buffer);
  }
}

function isWhole(view: ArrayBufferView): boolean {
  return view.byteLength === view.buffer.byteLength;
}
