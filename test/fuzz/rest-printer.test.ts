import { expect, test } from "vitest";
import { AshoreError } from "../../protocol/errors.ts";
import { writePredictAnswer } from "../../protocol/rest/index.ts";
import { elementCount, type Tensor, type TensorData } from "../../protocol/tensor.ts";
import { plainAnswer } from "./plain-print.ts";
import { rounds, type Random } from "./random.ts";

/** The REST encoder against a second reading of its layout and against exact arithmetic. */

const ROUNDS = process.env["ASHORE_LONG"] === "1" ? 200_000 : 10_000;
const MOST_MS = 600_000;

const NAMES = ["a", "b_bytes", "_bytes", 'x"\\y', "é", "z/"];
const EDGES = [0, -0, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 999_999, 999_999.5, 1e6, 1_234_567, 16_777_216, 3e-5, 0.0001, 0.000_099_999_95, 1e-45, 3.402_823_466_385_288_6e38, 1e15, 1e16, 123_456_789.125, 5e-324, Number.MAX_VALUE, 262_144.0625, 9.999_995, 9.999_999_5, 0.1, 1 / 3];
const STRINGS = ["", "a", "é💥", '"\\/\b\f\n\r\t', "\0\u001f\u007f"];

function anyNumber(random: Random): number {
  const view = new DataView(random.bytes(8).buffer);
  switch (random.below(7)) {
    case 0:
      return random.of(EDGES);
    case 1:
      return random.below(1000);
    case 2:
      return view.getFloat32(0);
    case 3:
      return view.getFloat64(0);
    case 4:
      // Halfway cases of nine and of six digits.
      return (2 * random.below(2 ** 20) + 1) / 2 ** random.below(12);
    case 5:
      return Number((random.below(2 ** 31) / 1e4).toPrecision(1 + random.below(8)));
    default:
      return random.below(2 ** 31) / 2 ** random.below(60);
  }
}

function anyData(random: Random, dtype: Tensor["dtype"], count: number): TensorData {
  const many = <T>(make: () => T): T[] => Array.from({ length: count }, make);
  switch (dtype) {
    case "float32":
      return Float32Array.from(many(() => anyNumber(random)));
    case "float64":
      return Float64Array.from(many(() => anyNumber(random)));
    case "int64":
      return BigInt64Array.from(many(() => new DataView(random.bytes(8).buffer).getBigInt64(0)));
    case "uint64":
      return BigUint64Array.from(many(() => new DataView(random.bytes(8).buffer).getBigUint64(0)));
    case "string":
      return many(() => (random.chance(0.3) ? random.bytes(random.below(6)) : new TextEncoder().encode(random.of(STRINGS))));
    case "bool":
      return Uint8Array.from(many(() => random.below(2)));
    case "uint32":
      return Uint32Array.from(many(() => random.below(2 ** 32)));
    default:
      return Int32Array.from(many(() => random.below(2 ** 32) | 0));
  }
}

test("one answer is laid out as the other, byte for byte", async () => {
  let written = 0;
  await rounds(ROUNDS, 81, (random) => {
    const format = random.of(["row", "columnar"] as const);
    const names = NAMES.filter(() => random.chance(0.3)).slice(0, 3);
    if (names.length === 0) names.push("y");
    const batch = random.below(4);
    const outputs = Object.fromEntries(
      names.map((name): [string, Tensor] => {
        const dtype = random.of(["float32", "float32", "float64", "int32", "int64", "uint64", "uint32", "bool", "string"] as const);
        const shape = Array.from({ length: random.below(4) }, (_, level) => (level === 0 && random.chance(0.9) ? batch : random.below(3)));
        return [name, { dtype, shape, data: anyData(random, dtype, elementCount(shape)) }];
      }),
    );
    const expected = plainAnswer(outputs, format);
    let said: string | undefined;
    try {
      said = Buffer.from(writePredictAnswer(outputs, format)).toString("latin1");
      written++;
    } catch (thrown) {
      if (!(thrown instanceof AshoreError)) throw thrown;
    }
    expect(said).toBe(expected);
  });
  expect(written / ROUNDS).toBeGreaterThan(0.5);
}, MOST_MS);
