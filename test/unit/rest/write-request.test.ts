import { expect, test } from "vitest";
import type { DType } from "../../../protocol/dtype.ts";
import { parseRequestBody, readPredictInputs } from "../../../protocol/rest/index.ts";
import { writePredictRequest } from "../../../protocol/rest/write-request.ts";
import type { Tensor } from "../../../protocol/tensor.ts";

const encoder = new TextEncoder();

/** What a server reads of a request that was written here. */
function throughServer(key: string, value: unknown, dtype: DType): Tensor | undefined {
  const body = parseRequestBody(encoder.encode(writePredictRequest({ [key]: value })));
  return readPredictInputs(body, { [key]: { dtype } }).tensors[key];
}

test.each<Tensor>([
  { dtype: "float32", shape: [2, 2], data: Float32Array.of(0.1, -0, 3.4028235e38, Number.NaN) },
  { dtype: "float32", shape: [2], data: Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY) },
  { dtype: "float64", shape: [], data: Float64Array.of(5e-324) },
  { dtype: "int32", shape: [1, 3], data: Int32Array.of(-1, 0, 2_147_483_647) },
  { dtype: "int64", shape: [2], data: BigInt64Array.of(2n ** 63n - 1n, -(2n ** 63n)) },
  { dtype: "uint8", shape: [2, 1, 1], data: Uint8Array.of(0, 255) },
  { dtype: "bool", shape: [2], data: Uint8Array.of(1, 0) },
  { dtype: "string", shape: [2], data: [encoder.encode("ä\""), Uint8Array.of(0xff, 0, 0x80)] },
])("a $dtype tensor of shape $shape arrives as it is", (tensor) => {
  expect(throughServer("x", tensor, tensor.dtype)).toEqual(tensor);
});

test("nested arrays arrive as the signature def's dtype", () => {
  expect(throughServer('a "key"', [[1, 2], [3, 4.5]], "float32")).toEqual({ dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4.5) });
  expect(throughServer("x", ["text", "ü"], "string")).toEqual({ dtype: "string", shape: [2], data: [encoder.encode("text"), encoder.encode("ü")] });
  expect(throughServer("x", 7n, "int64")).toEqual({ dtype: "int64", shape: [], data: BigInt64Array.of(7n) });
});

test("names the signature def, and refuses what JSON cannot carry", () => {
  expect(parseRequestBody(encoder.encode(writePredictRequest({ x: 1 }, "other"))).signatureName).toBe("other");
  expect(() => writePredictRequest({ x: { dtype: "complex64", shape: [1], data: Float32Array.of(1, 2) } })).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error);
});
