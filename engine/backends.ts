import { backend, enableProdMode, engine, findBackendFactory, getBackend, registerBackend, removeBackend, setBackend } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";
import { cpuBackend } from "./backend-cpu.ts";
import { wasmBackend, type WasmBackendOptions } from "./backend-wasm.ts";

/** How a realm comes to compute with one backend of TF.js. */
export interface BackendProvider {
  readonly name: Backend;
  /** True where reading a tensor gives memory of its own; false where it may be the tensor's, a weight's included. */
  readonly readsAreFresh: boolean;
  /** Prepares what the backend needs, calls `select` (TF.js's `setBackend`), and says whether that succeeded. */
  start(select: () => Promise<boolean>): Promise<boolean>;
}

export type BackendOptions = WasmBackendOptions;

/** The backends that every build of the engine has. */
export function standardBackends(options: BackendOptions): readonly BackendProvider[] {
  return [wasmBackend(options), cpuBackend()];
}

/** True when the realm computes with this backend now. TF.js keeps the name of one that failed to start. */
export function isCurrent(name: Backend): boolean {
  return getBackend() === name && engine().registry[name] !== undefined;
}

/**
 * Makes a backend the realm's, and proves it: TF.js, asked for one that does not start, goes on with another.
 * @throws BACKEND_UNAVAILABLE
 */
export async function useBackend(provider: BackendProvider): Promise<void> {
  const { name } = provider;
  if (isCurrent(name)) return;
  // TF.js's production mode: its greetings and warnings stay out of the console, its checks of inputs stay in.
  enableProdMode();
  let cause: unknown;
  try {
    if (await provider.start(() => setBackend(name))) {
      backend();
      if (isCurrent(name)) return;
    }
  } catch (thrown) {
    cause = thrown;
  }
  throw new AshoreError("BACKEND_UNAVAILABLE", `The ${name} backend does not start here. Restrict \`backends\` to those that this device has.`, { cause });
}

/**
 * Lets a crashed backend go, memory and all, without touching it: whatever was on it is lost, and the next use starts a fresh
 * one.
 */
export function abandonBackend(name: Backend): void {
  const factory = findBackendFactory(name);
  // Taken out first, because TF.js would call into the crashed module to dispose it.
  delete engine().registry[name];
  removeBackend(name);
  if (factory !== null) registerBackend(name, factory);
}
