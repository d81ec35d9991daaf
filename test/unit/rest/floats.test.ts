import { describe, expect, test } from "vitest";
import { formatDecimal, formatG } from "../../../protocol/rest/format-g.ts";
import { FLOAT32_BYTES, writeFloat32 } from "../../../protocol/rest/write-float32.ts";
import { mulberry32 } from "../../../protocol/self-test.ts";

const DENORMAL = 1.401298464324817e-45;
const FLOAT_MAX = 3.4028234663852886e38;

const value = new Float32Array(1);
const bits = new Int32Array(value.buffer);
const bytes = new Uint8Array(FLOAT32_BYTES);

function quick(number: number): string {
  value[0] = number;
  return new TextDecoder().decode(bytes.subarray(0, writeFloat32(bytes, 0, value[0] ?? 0, bits[0] ?? 0)));
}

describe("floats as %g has them, by section 6.2", () => {
  test.each([
    [1, "1.0"],
    [0.1, "0.1"],
    [1 / 3, "0.333333343"],
    [999999, "999999.0"],
    [1e6, "1e+06"],
    [1234567, "1234567.0"],
    [16777216, "16777216.0"],
    [3e-5, "3e-05"],
    [Math.SQRT1_2, "0.707106769"],
    [-0, "-0.0"],
    [0, "0.0"],
    [FLOAT_MAX, "3.40282347e+38"],
    [DENORMAL, "1.4013e-45"],
    [262144.0625, "262144.062"],
    [262144.1875, "262144.188"],
    [-2.5, "-2.5"],
    [123456, "123456.0"],
    [100000, "100000.0"],
    [1e-4, "0.0001"],
    [0.00001234, "1.234e-05"],
    [9.999999e-5, "9.99999902e-05"],
    [999999.5, "999999.5"],
    [9999999, "9999999.0"],
    [1e9, "1e+09"],
    [1.5e10, "1.5e+10"],
    [123456789, "123456792.0"],
    [1234567890, "1.23456794e+09"],
    [Number.NaN, "NaN"],
    [Number.POSITIVE_INFINITY, "Infinity"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
  ])("the float %d is %s", (number, expected) => {
    expect(quick(number)).toBe(expected);
    expect(formatDecimal(Math.fround(number), "float32")).toBe(expected);
  });

  test.each([
    [0.1, "0.1"],
    [1 / 3, "0.33333333333333331"],
    [1e15, "1e+15"],
    [1234567, "1234567.0"],
    [123456789.125, "123456789.125"],
    [Number.MAX_VALUE, "1.7976931348623157e+308"],
    [Number.MIN_VALUE, "4.94066e-324"],
    [1 + 2 ** -17, "1.0000076293945312"],
    [-0, "-0.0"],
    [1e100, "1e+100"],
  ])("the double %d is %s", (number, expected) => {
    expect(formatDecimal(number, "float64")).toBe(expected);
  });

  test("a tie goes to the even digit, where JavaScript goes up", () => {
    expect([0.5, 1.5, 2.5, 3.5].map((number) => formatG(number, 1))).toEqual(["0.5", "2", "2", "4"]);
    expect(formatG(262144.0625, 9)).toBe("262144.062");
    expect((262144.0625).toPrecision(9)).toBe("262144.063");
  });

  test("the quick way and the slow one print every kind of float alike", () => {
    const random = mulberry32(3);
    for (let round = 0; round < 60_000; round++) {
      bits[0] = Math.floor(random() * 2 ** 32);
      const number = round % 3 === 0 ? (value[0] ?? 0) : round % 3 === 1 ? Math.fround((random() - 0.5) * 10 ** Math.floor(random() * 10)) : Math.fround(Number((random() * 1e4).toPrecision(6)));
      if (quick(number) !== formatDecimal(number, "float32")) expect(quick(number)).toBe(formatDecimal(number, "float32"));
    }
  });
});
