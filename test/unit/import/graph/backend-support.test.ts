import { getKernelsForBackend } from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import "@tensorflow/tfjs-backend-wasm";
import { expect, test } from "vitest";
import { backendSupport, WITHOUT_KERNEL } from "../../../../sync-server/import/graph/backend-support.ts";
import type { GraphNode } from "../../../../sync-server/import/graph/graph.ts";

/** The kernels behind operations that have other names than those. */
const KERNELS: Readonly<Record<string, string>> = { RFFT: "FFT", IRFFT: "IFFT" };
/** There, and wrong. */
const WRONG: ReadonlySet<string> = new Set(["Dilation2D"]);

test("wasm lacks the kernels that it is said to lack, and cpu has them", () => {
  const kernels = (backend: string): ReadonlySet<string> => new Set(getKernelsForBackend(backend).map(({ kernelName }) => kernelName));
  const [cpu, wasm] = [kernels("cpu"), kernels("wasm")];
  for (const op of WITHOUT_KERNEL.wasm) {
    expect(wasm.has(KERNELS[op] ?? op), op).toBe(WRONG.has(op));
    expect(cpu.has(KERNELS[op] ?? op), op).toBe(true);
  }
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
