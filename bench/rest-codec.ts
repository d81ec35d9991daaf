/**
 * The REST tensor codec beside `JSON.parse` + flatten and `JSON.stringify`, on the body of one [1, 224, 224, 3] image, bytes
 * in and bytes out for all; then its rounding, each way, against exact arithmetic on a million seeded texts and floats.
 */
import { parseRequestBody, readPredictInputs, writePredictAnswer } from "../protocol/rest/index.ts";
import { mulberry32 } from "../protocol/self-test.ts";
import { checkParsing, checkPrinting } from "./support/exact-decimals.ts";
import { median, printRatio } from "./support/ratios.ts";

const SHAPE: readonly number[] = [1, 224, 224, 3];
const COUNT = SHAPE.reduce((product, size) => product * size, 1);
const ROUNDS = 41;
const CHECKED = 1_000_000;

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

console.log(`Node ${process.version}, ${COUNT} numbers, medians of ${ROUNDS} alternating rounds`);
for (const [name, { make, atLeast }] of Object.entries(TEXTS)) {
  const body = encoder.encode(`{"instances": ${nested(SHAPE, make)}}`);
  const [ours, naive] = race(
    () => readPredictInputs(parseRequestBody(body), { x: { dtype: "float32" } }).tensors["x"]?.data.length,
    () => flatten((JSON.parse(decoder.decode(body)) as { readonly instances: Nested }).instances, new Float32Array(COUNT), 0),
  );
  printRatio(`parse ${name}`, naive / ours, { atLeast }, `${rate(body.length, ours)} against ${rate(body.length, naive)}`);
}
for (const [name, make] of Object.entries(VALUES)) {
  const data = Float32Array.from({ length: COUNT }, make);
  const y = { dtype: "float32", shape: [1, COUNT], data } as const;
  const [ours, naive] = race(
    () => writePredictAnswer({ y }, "row").length,
    () => encoder.encode(JSON.stringify({ predictions: [Array.from(data)] })).length,
  );
  printRatio(`print ${name}`, naive / ours, { atLeast: 1.4 }, `${(COUNT / ours / 1000).toFixed(1)} against ${(COUNT / naive / 1000).toFixed(1)} million a second`);
}
const parsing = checkParsing(CHECKED, mulberry32(11));
const printing = checkPrinting(CHECKED, mulberry32(13));
console.log(`${parsing.wrong === 0 ? "ok  " : "MISS"} ${parsing.wrong} of ${parsing.count} texts read wrongly (${parsing.ties} of them halfway cases)`);
console.log(`${printing.wrong === 0 ? "ok  " : "MISS"} ${printing.wrong} of ${printing.count} floats printed wrongly (${printing.ties} of them halfway cases)`);
if (parsing.wrong + printing.wrong > 0) process.exitCode = 1;

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

/** The median milliseconds of two candidates that take turns, after a warm-up of each. */
function race(first: () => unknown, second: () => unknown): [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let round = -10; round < ROUNDS; round++) {
    for (const [index, candidate] of [first, second].entries()) {
      const start = performance.now();
      candidate();
      const time = performance.now() - start;
      if (round >= 0) times[index]?.push(time);
    }
  }
  return [median(times[0]), median(times[1])];
}

function rate(bytes: number, ms: number): string {
  return `${(bytes / ms / 1000).toFixed(0)} MB/s`;
}
