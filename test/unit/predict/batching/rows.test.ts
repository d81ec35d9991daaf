import { describe, expect, test } from "vitest";
import type { Tensor, TensorData } from "../../../../protocol/tensor.ts";
import { joinRows, sliceRows } from "../../../../runtime/predict/batching/rows.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const x = (dtype: Tensor["dtype"], shape: number[], data: TensorData) => ({ x: { dtype, shape, data } });

describe("joined", () => {
  test.each<[string, Tensor["dtype"], [number[], TensorData][], number, number[], TensorData]>([
    ["numbers", "float32", [[[1, 2], Float32Array.of(1, 2)], [[2, 2], Float32Array.of(3, 4, 5, 6)]], 0, [3, 2], Float32Array.of(1, 2, 3, 4, 5, 6)],
    ["integers of no dimension more", "int32", [[[1], Int32Array.of(7)], [[2], Int32Array.of(8, 9)]], 0, [3], Int32Array.of(7, 8, 9)],
    ["booleans", "bool", [[[1], Uint8Array.of(1)], [[1], Uint8Array.of(0)]], 0, [2], Uint8Array.of(1, 0)],
    ["complex numbers", "complex64", [[[1], Float32Array.of(1, 2)], [[1], Float32Array.of(3, 4)]], 0, [2], Float32Array.of(1, 2, 3, 4)],
    ["strings", "string", [[[1], [bytes("a")]], [[2], [bytes("b"), bytes("c")]]], 0, [3], [bytes("a"), bytes("b"), bytes("c")]],
    ["with the first row of the last repeated", "float32", [[[1, 2], Float32Array.of(1, 2)], [[2, 2], Float32Array.of(3, 4, 5, 6)]], 2, [5, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 3, 4, 3, 4)],
    ["a string's row repeated", "string", [[[1], [bytes("a")]]], 1, [2], [bytes("a"), bytes("a")]],
    ["shorter rows filled with their own first element", "int32", [[[1, 3], Int32Array.of(1, 2, 3)], [[2, 1], Int32Array.of(4, 5)]], 0, [3, 3], Int32Array.of(1, 2, 3, 4, 4, 4, 5, 4, 4)],
    ["in each dimension", "int32", [[[1, 1, 2], Int32Array.of(1, 2)], [[1, 2, 1], Int32Array.of(3, 4)]], 0, [2, 2, 2], Int32Array.of(1, 2, 1, 1, 3, 3, 4, 3)],
    ["strings and rows both", "string", [[[1, 2], [bytes("a"), bytes("b")]], [[1, 1], [bytes("c")]]], 1, [3, 2], ["a", "b", "c", "c", "c", "c"].map(bytes)],
    ["complex numbers filled by pairs", "complex64", [[[1, 2], Float32Array.of(1, 2, 3, 4)], [[1, 1], Float32Array.of(5, 6)]], 0, [2, 2], Float32Array.of(1, 2, 3, 4, 5, 6, 5, 6)],
    ["empty rows filled with nothing there is", "float32", [[[1, 0], Float32Array.of()], [[1, 1], Float32Array.of(5)]], 0, [2, 1], Float32Array.of(0, 5)],
  ])("%s", (_, dtype, parts, spare, shape, data) => {
    const joined = joinRows(parts.map(([own, values]) => x(dtype, own, values)), spare);
    expect(joined).toEqual(x(dtype, shape, data));
  });
});

test("rows come apart again, in memory of their own", () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6);
  const middle = sliceRows({ ...x("float32", [3, 2], data), n: { dtype: "string", shape: [3], data: ["a", "b", "c"].map(bytes) } }, 1, 2);
  expect(middle).toEqual({ x: { dtype: "float32", shape: [1, 2], data: Float32Array.of(3, 4) }, n: { dtype: "string", shape: [1], data: [bytes("b")] } });
  data.fill(0);
  expect(middle["x"]?.data).toEqual(Float32Array.of(3, 4));
});
