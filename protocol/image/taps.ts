import type { ResizeMethod } from "../preprocess.ts";

/** For each output sample of one axis: the `counts` input samples from `firsts` on, and their weights, `stride` apart. */
export interface Taps {
  readonly firsts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Float64Array;
  readonly stride: number;
}

interface Kernel {
  readonly reach: number;
  readonly weight: (distance: number) => number;
}

const BILINEAR: Kernel = { reach: 1, weight: (x) => Math.max(0, 1 - x) };
/** Keys' cubic with a = -0.5, as Pillow and TensorFlow have it. */
const BICUBIC: Kernel = { reach: 2, weight: (x) => (x < 1 ? (1.5 * x - 2.5) * x * x + 1 : x < 2 ? ((2.5 - 0.5 * x) * x - 4) * x + 2 : 0) };

/**
 * How one axis is resized from the part [`from`, `to`) of `size` samples to `out` samples. `pillow-bilinear` and
 * `pillow-bicubic` are Pillow's (`precompute_coeffs` in src/libImaging/Resample.c): where the axis shrinks, the kernel widens with it,
 * so that every input sample counts. `tf-bilinear` is `tf.image.resize` as Keras calls it: the two nearest samples alone
 * (half-pixel centres, no antialiasing). `nearest` is one sample.
 */
export function tapsOf(method: ResizeMethod, size: number, from: number, to: number, out: number): Taps {
  const scale = (to - from) / out;
  const { reach, weight } = method === "pillow-bicubic" ? BICUBIC : BILINEAR;
  const spread = method === "tf-bilinear" ? 1 : Math.max(1, scale);
  const support = method === "nearest" ? 0 : reach * spread;
  const stride = Math.ceil(support) * 2 + 1;
  const taps = { firsts: new Int32Array(out), counts: new Int32Array(out), weights: new Float64Array(out * stride), stride };
  for (let at = 0; at < out; at++) {
    const center = from + (at + 0.5) * scale;
    if (support === 0) {
      taps.firsts[at] = Math.min(size - 1, Math.floor(center));
      taps.counts[at] = taps.weights[at] = 1;
      continue;
    }
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(size, Math.trunc(center + support + 0.5)) - first;
    let sum = 0;
    for (let tap = 0; tap < count; tap++) sum += taps.weights[at * stride + tap] = weight(Math.abs(first + tap - center + 0.5) / spread);
    for (let tap = 0; tap < count; tap++) taps.weights[at * stride + tap] = (taps.weights[at * stride + tap] ?? 0) / sum;
    taps.firsts[at] = first;
    taps.counts[at] = count;
  }
  return taps;
}
