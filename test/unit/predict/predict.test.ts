import { describe, expect, test } from "vitest";
import type { DType } from "../../../protocol/dtype.ts";
import type { Tensor, TensorData } from "../../../protocol/tensor.ts";
import { fromEngine } from "../../../runtime/predict/from-engine.ts";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "../../../protocol/half.ts";
import { tensorOfNested, type Nested } from "../../../runtime/predict/nested.ts";
import { toEngine } from "../../../runtime/predict/to-engine.ts";

const port = (dtype: DType) => ({ key: "x", name: "x:0", dtype });
const tensor = (dtype: DType, data: TensorData): Tensor => ({ dtype, shape: [data.length], data });

describe("into the engine", () => {
  test.each<[DType, TensorData, string, number[]]>([
    ["float64", Float64Array.of(1.5, 1e300), "float32", [1.5, Infinity]],
    ["int8", Int8Array.of(-128, 127), "int32", [-128, 127]],
    ["uint8", Uint8Array.of(0, 255), "int32", [0, 255]],
    ["uint16", Uint16Array.of(65535), "int32", [65535]],
    ["int64", BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n), "int32", [-(2 ** 31), 2 ** 31 - 1]],
    ["uint32", Uint32Array.of(7), "int32", [7]],
    ["float16", Uint16Array.of(0x3c00, 0xc000), "float32", [1, -2]],
    ["bfloat16", Uint16Array.of(0x3f80), "float32", [1]],
  ])("%s", (dtype, data, engine, expected) => {
    const converted = toEngine(tensor(dtype, data), port(dtype));
    expect([converted.dtype, [...(converted.data as Float32Array)]]).toEqual([engine, expected]);
  });

  test("what the engine computes in already is handed on as it is", () => {
    const given = tensor("float32", Float32Array.of(1));
    expect(toEngine(given, port("float32"))).toBe(given);
  });

  test.each<[DType, TensorData, string]>([
    ["int64", BigInt64Array.of(1n, 2n ** 31n), "2147483648"],
    ["int64", BigInt64Array.of(-(2n ** 31n) - 1n), "-2147483649"],
    ["uint64", BigUint64Array.of(2n ** 64n - 1n), "18446744073709551615"],
    ["uint32", Uint32Array.of(4294967295), "4294967295"],
  ])("%s out of 32 bits is refused, and named", (dtype, data, named) => {
    expect(() => toEngine(tensor(dtype, data), port(dtype))).toThrow(named);
  });

  test("another dtype than the signature def's is refused", () => {
    expect(() => toEngine(tensor("int32", Int32Array.of(1)), port("float32"))).toThrow("Input x is int32 where the signature def says float32");
    expect(() => toEngine(tensor("complex128", Float64Array.of(1, 2)), port("complex128"))).toThrow("cannot compute");
  });
});

describe("out of the engine", () => {
  test.each<[DType, TensorData, DType, unknown[]]>([
    ["float32", Float32Array.of(0.1), "float64", [Math.fround(0.1)]],
    ["int32", Int32Array.of(-1, 5), "int64", [-1n, 5n]],
    ["float32", Float32Array.of(3), "int64", [3n]],
    ["int32", Int32Array.of(200), "uint8", [200]],
    ["int32", Int32Array.of(0, 2), "bool", [0, 1]],
    ["bool", Uint8Array.of(0, 1), "float32", [0, 1]],
    ["float32", Float32Array.of(1, -2), "float16", [0x3c00, 0xc000]],
  ])("%s %o as %s", (from, data, to, expected) => {
    expect([...(fromEngine(tensor(from, data), to, "y").data as Float32Array)]).toEqual(expected);
  });

  test("text is no number", () => {
    expect(() => fromEngine(tensor("string", [new Uint8Array()]), "float32", "y")).toThrow("Output y came as string");
  });
});

test("half precision: every one of the 65536 values goes there and back", () => {
  for (let bits = 0; bits < 0x10000; bits++) {
    const value = float16ToFloat32(bits);
    if (Number.isNaN(value)) expect(float32ToFloat16(value)).toBe(0x7e00);
    else if (float32ToFloat16(value) !== bits) expect([bits, value, float32ToFloat16(value)]).toEqual([bits, value, bits]);
    const other = bfloat16ToFloat32(bits);
    if (Number.isNaN(other)) expect(float32ToBfloat16(other)).toBe(0x7fc0);
    else if (float32ToBfloat16(other) !== bits) expect([bits, other]).toEqual([bits, float32ToBfloat16(other)]);
  }
});

test("half precision rounds to nearest, ties to even", () => {
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, 65520, 2 ** -25, 2 ** -25 * 1.0001].map(float32ToFloat16)).toEqual([0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1]);
  expect(float32ToBfloat16(1 + 2 ** -8)).toBe(0x3f80);
});

describe("nested arrays", () => {
  test.each<[Nested, DType, number[], unknown[]]>([
    [[[1, 2], [3, 4]], "float32", [2, 2], [1, 2, 3, 4]],
    [5, "int32", [], [5]],
    [[], "float32", [0], []],
    [[1n, 2], "int64", [2], [1n, 2n]],
    [[true, false], "bool", [2], [1, 0]],
    [["é"], "string", [1], [Uint8Array.of(0xc3, 0xa9)]],
  ])("%o as %s", (value, dtype, shape, data) => {
    const made = tensorOfNested(value, dtype, "x");
    expect([made.shape, [...(made.data as Float32Array)]]).toEqual([shape, data]);
  });

  test.each<[Nested, DType, string]>([
    [[[1, 2], [3]], "float32", "an array of 1 at depth 1"],
    [[1, [2]], "float32", "an array of 1 at depth 1 where its first element has a value"],
    [[[1], 2], "float32", "number at depth 1"],
    [[1.5], "int32", "1.5, which is no int32"],
    [[256], "uint8", "256, which is no uint8"],
    [["1"], "float32", '"1", which is no float32'],
    [[1], "string", "1, which is no string"],
    [[1], "bool", "1, which is no bool"],
  ])("%o is no %s", (value, dtype, message) => {
    expect(() => tensorOfNested(value, dtype, "x")).toThrow(message);
  });
});
