import type { BackendProvider } from "./backends.ts";
import { cpuBackend } from "./backend-cpu.ts";
import { wasmBackend, type WasmBackendOptions } from "./backend-wasm.ts";
import { webgpuBackend, type WebgpuBackendOptions } from "./backend-webgpu.ts";

export type BrowserBackendOptions = WasmBackendOptions & WebgpuBackendOptions;

/** The backends of a browser, best first for a fast start: WebGPU compiles its shaders at the first inference. */
export function browserBackends(options: BrowserBackendOptions = {}): readonly BackendProvider[] {
  return [wasmBackend(options), webgpuBackend(options), cpuBackend()];
}
