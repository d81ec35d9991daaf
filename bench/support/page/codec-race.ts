import { parseRequestBody, readPredictInputs, writePredictAnswer } from "../../../protocol/rest/index.ts";
import { mulberry32 } from "../../../protocol/self-test.ts";

/** The REST tensor codec beside `JSON.parse` + flatten and `JSON.stringify`, in whatever realm it is run. */

const SHAPE: readonly number[] = [1, 224, 224, 3];
export const COUNT = SHAPE.reduce((product, size) => product * size, 1);
export const RACE_ROUNDS = 41;

export interface Race {
  readonly name: string;
  readonly atLeast: number;
  /** What both read, or wrote, at a time: a body's bytes. */
  readonly bytes: number;
  /** Milliseconds of each round. */
  readonly ours: readonly number[];
  readonly naive: readonly number[];
}

const random = mulberry32(7);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const TEXTS: Readonly<Record<string, { readonly make: () => string; readonly atLeast: number }>> = {
  "17 digits": { make: () => random().toPrecision(17), atLeast: 1.3 },
  "9 digits": { make: () => random().toPrecision(9), atLeast: 1.3 },
  "6 digits": { make: () => random().toPrecision(6), atLeast: 1.3 },
  exponents: { make: () => (random() * 10 ** -Math.floor(random() * 8)).toExponential(9), atLeast: 1.3 },
  "integers 0 to 255": { make: () => String(Math.floor(random() * 256)), atLeast: 1 },
};

const VALUES: Readonly<Record<string, () => number>> = {
  "uniform 0 to 1": () => random(),
  "six digits": () => Number((random() * 100).toPrecision(6)),
  logits: () => (random() - 0.5) * 20,
  probabilities: () => Math.exp(-random() * 20),
};

/** All races, one image a body. */
export function codecRaces(): Race[] {
  const parsing = Object.entries(TEXTS).map(([name, { make, atLeast }]): Race => {
    const body = encoder.encode(`{"instances": ${nested(SHAPE, make)}}`);
    const times = race(
      () => readPredictInputs(parseRequestBody(body), { x: { dtype: "float32" } }).tensors["x"]?.data.length,
      () => flatten((JSON.parse(decoder.decode(body)) as { readonly instances: Nested }).instances, new Float32Array(COUNT), 0),
    );
    return { name: `parse ${name}`, atLeast, bytes: body.length, ...times };
  });
  const printing = Object.entries(VALUES).map(([name, make]): Race => {
    const data = Float32Array.from({ length: COUNT }, make);
    const y = { dtype: "float32", shape: [1, COUNT], data } as const;
    const times = race(
      () => writePredictAnswer({ y }, "row").length,
      () => encoder.encode(JSON.stringify({ predictions: [Array.from(data)] })).length,
    );
    return { name: `print ${name}`, atLeast: 1.4, bytes: writePredictAnswer({ y }, "row").length, ...times };
  });
  return [...parsing, ...printing];
}

// A page has no imports to give its tests; it calls this by name.
Object.assign(globalThis, { codecRaces });

type Nested = number | readonly Nested[];

function nested(shape: readonly number[], make: () => string): string {
  const [size, ...inner] = shape;
  return size === undefined ? make() : `[${Array.from({ length: size }, () => nested(inner, make)).join(", ")}]`;
}

/** The flattening that a handler without a codec would write. */
function flatten(value: Nested, out: Float32Array, at: number): number {
  if (typeof value === "number") {
    out[at] = value;
    return at + 1;
  }
  let next = at;
  for (const item of value) next = flatten(item, out, next);
  return next;
}

/** Two candidates that take turns, after a warm-up of each. */
function race(first: () => unknown, second: () => unknown): { readonly ours: number[]; readonly naive: number[] } {
  const times = { ours: [] as number[], naive: [] as number[] };
  for (let round = -10; round < RACE_ROUNDS; round++) {
    for (const [name, candidate] of [["ours", first], ["naive", second]] as const) {
      const start = performance.now();
      candidate();
      const time = performance.now() - start;
      if (round >= 0) times[name].push(time);
    }
  }
  return times;
}
