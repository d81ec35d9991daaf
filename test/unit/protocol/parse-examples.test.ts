import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import type { ExampleFeature } from "../../../protocol/manifest.ts";
import { parseExamples } from "../../../protocol/parse-examples.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import { looseTfExample, tfExample } from "../../support/tf-example.ts";

const feature = (key: string, dtype: ExampleFeature["dtype"], shape: number[] = [], values?: ExampleFeature["default"]): ExampleFeature => ({ key, tensor: `${key}:0`, dtype, shape, ...(values === undefined ? {} : { default: values }) });
const parse = (features: readonly ExampleFeature[], ...examples: Uint8Array[]): readonly Tensor[] => parseExamples({ dtype: "string", shape: [examples.length], data: examples }, features);
const joined = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));
const bytes = (...texts: string[]): Uint8Array[] => texts.map((text) => new TextEncoder().encode(text));

const X = feature("x", "float32", [2]);
const N = feature("n", "int64");
const S = feature("s", "string", [1]);

describe("tf.Examples", () => {
  test("each feature becomes a tensor, its rows in the order of the examples", () => {
    const rows = [tfExample({ x: [1.5, -2], n: [7n], s: ["a"] }), tfExample({ s: [""], n: [-1n], x: [0, Infinity], other: ["not asked for"] })];
    expect(parse([X, N, S], ...rows)).toEqual([
      { dtype: "float32", shape: [2, 2], data: Float32Array.of(1.5, -2, 0, Infinity) },
      { dtype: "int64", shape: [2], data: BigInt64Array.of(7n, -1n) },
      { dtype: "string", shape: [2, 1], data: bytes("a", "") },
    ]);
  });

  test("int64 to its bounds", () => {
    const values = [0n, 1n, 127n, 128n, 2n ** 27n, 2n ** 28n, 2n ** 31n - 1n, 2n ** 32n, 2n ** 35n - 1n, 2n ** 56n, 2n ** 63n - 1n, -1n, -(2n ** 31n), -(2n ** 63n)];
    const expected = [{ dtype: "int64", shape: [1, values.length], data: BigInt64Array.from(values) }];
    expect(parse([feature("n", "int64", [values.length])], tfExample({ n: values }))).toEqual(expected);
    expect(parse([feature("n", "int64", [values.length])], looseTfExample({ n: values }))).toEqual(expected);
  });

  test("numbers that are not packed, and fields that nobody knows", () => {
    expect(parse([X, N], looseTfExample({ x: [1.5, 2.5], n: [9n] }))).toMatchObject([{ data: Float32Array.of(1.5, 2.5) }, { data: BigInt64Array.of(9n) }]);
  });

  test("a name that comes twice: the last counts, but for one without a kind", () => {
    const twice = joined(tfExample({ x: [1, 2], n: [1n] }), tfExample({ x: [3, 4], n: null }));
    expect(parse([X, N], twice)).toMatchObject([{ data: Float32Array.of(3, 4) }, { data: BigInt64Array.of(1n) }]);
    // What is overwritten need not even fit.
    expect(parse([X], joined(tfExample({ x: ["no float"] }), tfExample({ x: [3, 4] })))).toMatchObject([{ data: Float32Array.of(3, 4) }]);
  });

  test("a default where there is no such feature, whole or one element for all", () => {
    const features = [feature("x", "float32", [2], { shape: [2], values: [0.5, "NaN"] }), feature("n", "int64", [2], { shape: [], values: ["9007199254740993"] }), feature("s", "string", [], { shape: [], values: ["aGk="] })];
    expect(parse(features, tfExample({ x: [1, 2] }), new Uint8Array())).toEqual([
      { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 0.5, NaN) },
      { dtype: "int64", shape: [2, 2], data: BigInt64Array.of(9007199254740993n, 9007199254740993n, 9007199254740993n, 9007199254740993n) },
      { dtype: "string", shape: [2], data: bytes("hi", "hi") },
    ]);
  });

  test("no examples are tensors without rows", () => {
    expect(parse([X, S])).toMatchObject([{ shape: [0, 2] }, { shape: [0, 1], data: [] }]);
  });
});

describe("what is refused, in TensorFlow's words", () => {
  test.each<[string, Uint8Array, readonly ExampleFeature[], string]>([
    ["a feature that is missing", tfExample({}), [X], "Name: <unknown>, Feature: x (data type: float) is required but could not be found."],
    ["a feature without a kind", tfExample({ n: null }), [N], "Name: <unknown>, Feature: n (data type: int64) is required but could not be found."],
    ["another kind", tfExample({ x: [1n, 2n] }), [X], "Name: <unknown>, Key: x, Index: 1.  Data types don't match. Data type: int64 but expected type: float"],
    ["text for a number", tfExample({ n: ["1"] }), [N], "Name: <unknown>, Key: n, Index: 1.  Data types don't match. Data type: string but expected type: int64"],
    ["too many floats", tfExample({ x: [1, 2, 3] }), [X], "Name: <unknown>, Key: x, Index: 1.  Number of float values != expected.  Values size: 3 but output shape: [2]"],
    ["too few floats", tfExample({ x: [1] }), [X], "Name: <unknown>, Key: x, Index: 1.  Number of float values != expected.  Values size: 1 but output shape: [2]"],
    ["too many int64s for a scalar", tfExample({ n: [1n, 2n] }), [N], "Name: <unknown>, Key: n, Index: 1.  Number of int64 values != expected.  Values size: 2 but output shape: []"],
    ["too many strings", tfExample({ s: ["a", "b"] }), [S], "Name: <unknown>, Key: s, Index: 1.  Number of bytes values != expected.  Values size: 2 but output shape: [1]"],
    ["bytes that are no example", bytes("hello")[0]!, [X], "Could not parse example input, value: 'hello'"],
    ["an example that is cut short", tfExample({ x: [1, 2] }).subarray(0, -3), [X], "Could not parse example input, value: "],
    ["a list that leads beyond its feature", Uint8Array.of(10, 15, 10, 13, 10, 1, 0x78, 18, 8, 18, 7, 10, 4, 0, 0, 0, 0), [X], "Could not parse example input, value: "],
    ["a list of floats with half of one", Uint8Array.of(10, 15, 10, 13, 10, 1, 0x78, 18, 8, 18, 6, 10, 3, 0, 0, 0, 16), [X], "Name: <unknown>, Key: x, Index: 1.  Can't parse serialized Example."],
  ])("%s", (_, example, features, message) => {
    // The first example is without fault, so that the index counts.
    const good = tfExample({ x: [1, 2], n: [1n], s: ["a"] });
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT", message: message.endsWith(" ") ? expect.stringContaining(message) : message });
    expect(() => parse(features, good, example)).toThrow(refused);
  });

  test("a batch of another rank", () => {
    expect(() => parseExamples({ dtype: "string", shape: [], data: [new Uint8Array()] }, [X])).toThrow("Expected serialized to be a vector, got shape: []");
  });

  test("small examples that would become large by their defaults", () => {
    const wide = feature("x", "float32", [LIMITS.exampleElements / 4], { shape: [], values: [0] });
    expect(() => parse([wide], ...Array.from({ length: 5 }, () => new Uint8Array()))).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });
});
