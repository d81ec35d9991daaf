import { describe, expect, test } from "vitest";
import { decodeOne, elements, refusal } from "./support.ts";

const wrong = (value: string, dtype: string) => `400 JSON Value: ${value} Type: Number is not of expected type: ${dtype}`;

// 4.2 and 5: a literal, the dtype it is read as, and its value or the refusal.
const CASES: readonly (readonly [dtype: string, literal: string, expected: string])[] = [
  ["int32", "3", "3"],
  ["int32", "-0", "0"],
  ["int32", "3.0", wrong("3.0", "int32")],
  ["int32", "3e0", wrong("3.0", "int32")],
  ["int32", "2147483647", "2147483647"],
  ["int32", "2147483648", wrong("2147483648", "int32")],
  ["int32", "-2147483649", wrong("-2147483649", "int32")],
  ["int32", "NaN", wrong("", "int32")],
  ["int16", "40000", "40000"],
  ["uint8", "-1", "-1"],
  ["int64", "9223372036854775807", "9223372036854775807"],
  ["int64", "-9223372036854775808", "-9223372036854775808"],
  ["int64", "9007199254740993", "9007199254740993"],
  ["int64", "9223372036854775808", wrong("9223372036854775808", "int64")],
  ["int64", "-9223372036854775809", wrong("-9223372036854776000.0", "int64")],
  ["uint32", "4294967295", "4294967295"],
  ["uint32", "4294967296", wrong("4294967296", "uint32")],
  ["uint64", "18446744073709551615", "18446744073709551615"],
  ["uint64", "18446744073709551616", wrong("18446744073709553000.0", "uint64")],
  ["uint64", "-1", wrong("-1", "uint64")],
  ["float", "-0", "0"],
  ["float", "-0.0", "-0"],
  ["float", "-0e5", "-0"],
  ["float", "16777217", "16777216"],
  ["float", "1e39", "Infinity"],
  ["float", "-1e39", "-Infinity"],
  ["float", "1e-60", "0"],
  ["float", "NaN", "NaN"],
  ["float", "-NaN", "NaN"],
  ["float", "Inf", "Infinity"],
  ["float", "-Infinity", "-Infinity"],
  ["double", "1e-400", "0"],
  ["double", "10e308", "Infinity"],
  ["double", "0.1e309", "1e+308"],
  ["double", "1E5", "100000"],
  ["double", "0.1", "0.1"],
  ["double", "0.12345678901234567", "0.12345678901234566"],
  ["double", "18446744073709551615", "18446744073709552000"],
  ["double", "1e0000000001", "10"],
];

describe("number literals, by sections 4.2 and 5", () => {
  test.each(CASES)("%s from %s", (dtype, literal, expected) => {
    expect(shown(dtype, literal)).toBe(expected);
    // Beside others, where many are read at once.
    if (!expected.startsWith("400")) expect(elements(decodeOne(`x:${dtype}`, `{"inputs":[${literal}, ${literal}]}`))).toBe(`${expected},${expected}`);
  });

  // The doubles nearest to these lie half-way between two floats, or next to it.
  test.each([
    ["16777217", 16777216],
    ["16777217.0000001", 16777218],
    ["16777218.9999999", 16777218],
    ["16777219", 16777220],
    ["0.100000001490116119384765625", Math.fround(0.1)],
    ["1.00000005960464477539062500", 1],
    ["1.00000005960464477539062501", 1],
    ["1.0000000596046449", Math.fround(1.0000001)],
    ["3.4028235677973366e38", Number.POSITIVE_INFINITY],
    ["3.4028235677973362e38", 3.4028234663852886e38],
    ["7.006492321624085e-46", 0],
    ["7.0064923216240862e-46", 1.401298464324817e-45],
    ["123456789012345678901234567890", 1.2345679e29],
    ["0.00000000000000000000000000000012345678901234567890", 1.2345679e-31],
  ])("%s as a float is its nearest double, narrowed", (literal, expected) => {
    const { data } = decodeOne("x:float", `{"inputs":[${literal},-${literal}]}`);
    expect([...data]).toEqual([Math.fround(expected), -Math.fround(expected)]);
  });
});

function shown(dtype: string, literal: string): string {
  let text = "";
  const refused = refusal(() => {
    text = elements(decodeOne(`x:${dtype}`, `{"inputs":${literal}}`));
  });
  return text === "" ? refused : text;
}
