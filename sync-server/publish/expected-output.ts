import type { SelfTest } from "../../protocol/manifest.ts";
import type { Tensor } from "../../protocol/tensor.ts";

export type ExpectedOutput = SelfTest["outputs"][string];

const SAMPLES = 16;
/** What a device may differ by: this share of the value, and this share of the output's largest value. */
const TOLERANCE = 1e-3;
/** No float32 network is exact to more, however small its output. */
const LEAST_TOLERANCE = 1e-5;
/** The publisher's own runs must agree this much better, so that a device has room to differ. */
const HEADROOM = 4;

/**
 * What a device should get of one output, from what several runs gave: samples spread over it where all runs agree on every
 * element, else only what they have in common. Undefined where no run gave it.
 */
export function expectedOutput(runs: readonly Tensor[]): ExpectedOutput | undefined {
  const [first, ...others] = runs;
  if (first === undefined) return undefined;
  const stable = others.every(({ shape }) => String(shape) === String(first.shape));
  const shape = stable ? [...first.shape] : null;
  const finite = runs.every((run) => isFiniteNumbers(run));
  if (!stable || !finite) return { shape, finite, samples: [], atol: 0, rtol: 0 };
  const exact = !(first.data instanceof Float32Array);
  const atol = exact ? 0 : Math.max(TOLERANCE * largest(first), LEAST_TOLERANCE);
  const rtol = exact ? 0 : TOLERANCE;
  const agree = others.every((other) => agrees(first, other, atol / HEADROOM, rtol / HEADROOM));
  if (!agree) return { shape, finite, samples: [], atol: 0, rtol: 0 };
  return { shape, finite, samples: spread(first), atol: short(atol), rtol };
}

export function holdsNaN({ data }: Tensor): boolean {
  return data instanceof Float32Array && data.some(Number.isNaN);
}

function isFiniteNumbers({ data }: Tensor): boolean {
  return !(data instanceof Float32Array) || data.every(Number.isFinite);
}

function largest({ data }: Tensor): number {
  let most = 0;
  for (const value of data) most = Math.max(most, Math.abs(Number(value)));
  return most;
}

function agrees({ data: a }: Tensor, { data: b }: Tensor, atol: number, rtol: number): boolean {
  for (let i = 0; i < a.length; i++) {
    const x = Number(a[i]);
    if (!(Math.abs(Number(b[i]) - x) <= atol + rtol * Math.abs(x))) return false;
  }
  return true;
}

/** Samples at even distances, the first and the last element among them; strings have no numbers to compare. */
function spread({ dtype, data }: Tensor): [number, number][] {
  if (dtype === "string" || data.length === 0) return [];
  const count = Math.min(SAMPLES, data.length);
  return Array.from({ length: count }, (_, place) => {
    const index = count === 1 ? 0 : Math.round((place * (data.length - 1)) / (count - 1));
    return [index, short(Number(data[index]))];
  });
}

/** A float32 needs no more digits, and a manifest is small. */
function short(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(8));
}
