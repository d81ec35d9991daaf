/**
 * Byte planes: the first bytes of all elements, then all second bytes, and so on. Sign and exponent bytes of neighbouring
 * weights are alike, so that they compress side by side. Bytes beyond the last whole element follow as they are.
 *
 * Elements are little-endian, as TF.js writes weights; so is every platform that runs it.
 */
export function planes(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  const count = Math.floor(bytes.byteLength / width);
  const out = new Uint8Array(bytes.byteLength);
  out.set(bytes.subarray(count * width), count * width);
  if (width === 4) {
    const words = wordsOf(bytes, count);
    for (let i = 0, a = 0, b = count, c = 2 * count, d = 3 * count; i < count; i++) {
      const word = words[i] ?? 0;
      out[a++] = word;
      out[b++] = word >>> 8;
      out[c++] = word >>> 16;
      out[d++] = word >>> 24;
    }
    return out;
  }
  if (width === 2) {
    const halves = halvesOf(bytes, count);
    for (let i = 0, high = count; i < count; i++) {
      const half = halves[i] ?? 0;
      out[i] = half;
      out[high++] = half >>> 8;
    }
    return out;
  }
  for (let plane = 0; plane < width; plane++) {
    for (let i = 0, from = plane, to = plane * count; i < count; i++, from += width) out[to++] = bytes[from] ?? 0;
  }
  return out;
}

/** The bytes that {@link planes} took apart. */
export function unplanes(bytes: Uint8Array<ArrayBuffer>, width: number): Uint8Array<ArrayBuffer> {
  const count = Math.floor(bytes.byteLength / width);
  const out = new Uint8Array(bytes.byteLength);
  out.set(bytes.subarray(count * width), count * width);
  if (width === 4) {
    const words = new Uint32Array(out.buffer, 0, count);
    for (let i = 0, a = 0, b = count, c = 2 * count, d = 3 * count; i < count; i++) {
      words[i] = (bytes[a++] ?? 0) | ((bytes[b++] ?? 0) << 8) | ((bytes[c++] ?? 0) << 16) | ((bytes[d++] ?? 0) << 24);
    }
    return out;
  }
  if (width === 2) {
    const halves = new Uint16Array(out.buffer, 0, count);
    for (let i = 0, high = count; i < count; i++) halves[i] = (bytes[i] ?? 0) | ((bytes[high++] ?? 0) << 8);
    return out;
  }
  for (let plane = 0; plane < width; plane++) {
    for (let i = 0, from = plane * count, to = plane; i < count; i++, to += width) out[to] = bytes[from++] ?? 0;
  }
  return out;
}

function wordsOf(bytes: Uint8Array<ArrayBuffer>, count: number): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, count);
}

function halvesOf(bytes: Uint8Array<ArrayBuffer>, count: number): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice();
  return new Uint16Array(aligned.buffer, aligned.byteOffset, count);
}
