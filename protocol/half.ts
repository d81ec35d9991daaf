/** IEEE 754 half precision and bfloat16, as their 16 bits, to and from float32; to nearest, ties to even. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

export function float16ToFloat32(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function float32ToFloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7e00;
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  if (size >= 65520) return sign | 0x7c00;
  const exponent = Math.max(Math.floor(Math.log2(size)), -14);
  // A size that rounds up to the next power of two carries into the exponent by itself, since the bits are counted together.
  const steps = roundHalfToEven(size / 2 ** (exponent - 10));
  return sign | (size === 0 ? 0 : steps + (exponent + 14) * 1024);
}

function roundHalfToEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

export function bfloat16ToFloat32(half: number): number {
  bits[0] = half << 16;
  return float[0] ?? 0;
}

export function float32ToBfloat16(x: number): number {
  if (Number.isNaN(x)) return 0x7fc0;
  float[0] = x;
  const whole = bits[0] ?? 0;
  return (whole + 0x7fff + ((whole >>> 16) & 1)) >>> 16;
}
