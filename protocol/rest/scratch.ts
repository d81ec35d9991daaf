const SLAB_BYTES = 65_536;
/** Longer arrays have memory of their own. */
const LONGEST_BYTES = 4_096;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/**
 * Small arrays for one request, cut from a shared slab: memory of its own costs the garbage collector more than the array is
 * worth. What is in them is undefined; their buffer is never to be transferred, nor looked at beyond them.
 */
export function scratchBytes(length: number): Uint8Array<ArrayBuffer> {
  return length > LONGEST_BYTES ? new Uint8Array(length) : new Uint8Array(...cut(length), length);
}

export function scratchInt32(length: number): Int32Array<ArrayBuffer> {
  return 4 * length > LONGEST_BYTES ? new Int32Array(length) : new Int32Array(...cut(4 * length), length);
}

export function scratchFloat64(length: number): Float64Array<ArrayBuffer> {
  return 8 * length > LONGEST_BYTES ? new Float64Array(length) : new Float64Array(...cut(8 * length), length);
}

function cut(bytes: number): [buffer: ArrayBuffer, offset: number] {
  if (used + bytes > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const offset = used;
  // Every element type may begin at a multiple of 8.
  used += (bytes + 7) & ~7;
  return [slab, offset];
}
