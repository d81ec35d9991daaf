import { getKernelsForBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { expect, test } from "vitest";
import { isSupportedOp } from "../../../../engine/supported-ops.ts";
import { backendSupport, WITHOUT_KERNEL } from "../../../../sync-server/import/graph/backend-support.ts";
import type { GraphNode } from "../../../../sync-server/import/graph/graph.ts";

test("what cpu has and wasm lacks is known to be lacking", () => {
  const kernels = (backend: string): string[] => getKernelsForBackend(backend).map(({ kernelName }) => kernelName);
  const wasm = new Set(kernels("wasm"));
  const lacking = kernels("cpu").filter((kernel) => !wasm.has(kernel) && isSupportedOp(kernel));
  expect(lacking).not.toEqual([]);
  expect(lacking.filter((op) => !WITHOUT_KERNEL.wasm.has(op))).toEqual([]);
});

test("a graph runs where all of its operations do; strings keep it from WebGPU", () => {
  const node = (op: string, type = "DT_FLOAT"): GraphNode => ({ name: op, op, inputs: [], attrs: { T: { type } } });
  const support = (...nodes: GraphNode[]) => backendSupport({ nodes: [], functions: [{ name: "f", args: [], results: [], nodes }], constants: new Map() });
  expect(support(node("MatMul"))).toEqual({ backends: ["webgpu", "wasm", "cpu"], lacking: {} });
  expect(support(node("FFT"))).toEqual({ backends: ["webgpu", "cpu"], lacking: { wasm: "FFT" } });
  expect(support(node("Unique"))).toEqual({ backends: ["wasm", "cpu"], lacking: { webgpu: "Unique" } });
  expect(support(node("Reshape", "DT_STRING"))).toEqual({ backends: ["wasm", "cpu"], lacking: { webgpu: "strings" } });
  expect(support(node("Tile", "DT_STRING"))).toEqual({ backends: ["cpu"], lacking: { wasm: "Tile of strings", webgpu: "strings" } });
});

test("what WebGPU computes wrongly is kept from it", () => {
  const support = (op: string, attrs: GraphNode["attrs"] = {}) => backendSupport({ nodes: [{ name: op, op, inputs: [], attrs }], functions: [], constants: new Map() });
  for (const op of ["CropAndResize", "Bincount", "DenseBincount", "Conv3D"]) expect(support(op)).toEqual({ backends: ["wasm", "cpu"], lacking: { webgpu: op } });
  expect(support("Prod", { keep_dims: { b: true } })).toEqual({ backends: ["wasm", "cpu"], lacking: { webgpu: "Prod with keep_dims" } });
  expect(support("ArgMax", { T: { type: "DT_INT32" } })).toEqual({ backends: ["wasm", "cpu"], lacking: { webgpu: "ArgMax of integers" } });
  expect(support("ArgMax", { T: { type: "DT_FLOAT" } }).backends).toContain("webgpu");
  expect(support("Prod", { keep_dims: { b: false } }).backends).toContain("webgpu");
});
