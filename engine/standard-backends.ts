import type { BackendProvider } from "./backends.ts";
import { cpuBackend } from "./backend-cpu.ts";
import { wasmBackend, type WasmBackendOptions } from "./backend-wasm.ts";

export type StandardBackendOptions = WasmBackendOptions;

/** The backends that run everywhere, best first: what Node has. */
export function standardBackends(options: StandardBackendOptions = {}): readonly BackendProvider[] {
  return [wasmBackend(options), cpuBackend()];
}
