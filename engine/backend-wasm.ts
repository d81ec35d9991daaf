import { backend, env } from "@tensorflow/tfjs-core";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BackendProvider } from "./backends.ts";
import { correctCastToBool } from "./wasm-cast.ts";
import { startWithWasmFile, type WasmFile } from "./wasm-file.ts";
import { canSpawnThreads, hardwareThreads } from "./wasm-threads.ts";

export interface WasmBackendOptions {
  /** The folder of TF.js's `.wasm` files, with a slash at its end: a path in Node, a URL elsewhere. */
  readonly wasmPath?: string | undefined;
  /** The verified bytes of one of TF.js's `.wasm` files, in place of `wasmPath`. Called when the backend starts. */
  readonly wasmFile?: WasmFile | undefined;
  /** Compute in several threads where the realm can spawn them: a cross-origin isolated page's worker. Default: false. */
  readonly threads?: boolean | undefined;
}

/** TF.js's WASM backend, SIMD where the machine has it. */
export function wasmBackend({ wasmPath, wasmFile, threads = false }: WasmBackendOptions): BackendProvider {
  return {
    name: "wasm",
    readsAreFresh: true,
    async start(select) {
      // TF.js takes its threaded build wherever it sees shared memory; in an isolated service worker, which has that and no
      // Worker, it falls back to `cpu` without a word.
      const threaded = threads && (await canSpawnThreads());
      env().set("WASM_HAS_MULTITHREAD_SUPPORT", threaded);
      if (threaded) setThreadsCount(Math.min(hardwareThreads(), LIMITS.wasmThreads));
      correctCastToBool();
      if (wasmFile === undefined && wasmPath !== undefined) setWasmPaths(wasmPath);
      const started = await withoutProcessListeners(() => (wasmFile === undefined ? select() : startWithWasmFile(wasmFile, select)));
      if (started) refuseNullPointers();
      return started;
    },
    release: (dead) => threadsOf(dead)?.terminateAllThreads(),
  };
}

interface ThreadPool {
  terminateAllThreads(): void;
}

/** The workers that emscripten started beside the module, in the threaded build. */
function threadsOf(dead: object): ThreadPool | undefined {
  return (Reflect.get(dead, "wasm") as { readonly PThread?: ThreadPool }).PThread;
}

interface HeapModule {
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}

const guarded = new WeakSet<object>();

/** TF.js writes to whatever `malloc` gives, address 0 included, when the heap cannot grow: a corrupt heap, and wrong answers. */
function refuseNullPointers(): void {
  const module = Reflect.get(backend(), "wasm") as HeapModule;
  if (guarded.has(module)) return;
  guarded.add(module);
  // The first call replaces emscripten's stub by the real function; only that one can be wrapped for good.
  module._free(module._malloc(8));
  const { _malloc: malloc } = module;
  module._malloc = (bytes) => {
    // An address has 32 bits: a larger size would be taken for what is left of it.
    const pointer = bytes < 2 ** 32 ? malloc(bytes) : 0;
    if (pointer === 0 && bytes > 0) {
      throw new AshoreError("RESOURCE_EXHAUSTED", `The WebAssembly heap cannot grow by ${bytes} bytes: the model or the batch is too large for this device.`);
    }
    return pointer;
  };
}

interface ProcessListeners {
  listeners(event: string): ((...args: unknown[]) => void)[];
  removeListener(event: string, listener: (...args: unknown[]) => void): void;
}

/**
 * In Node emscripten's glue listens for uncaught exceptions and unhandled rejections, and rethrows them, which ends the
 * process for any stray rejection in it. What it adds is taken off again.
 */
async function withoutProcessListeners<T>(init: () => Promise<T>): Promise<T> {
  const { process } = globalThis as { process?: Partial<ProcessListeners> };
  if (process?.listeners === undefined || process.removeListener === undefined) return init();
  const events = ["uncaughtException", "unhandledRejection"];
  const before = new Map(events.map((event) => [event, process.listeners?.(event)]));
  try {
    return await init();
  } finally {
    for (const [event, old] of before) {
      for (const listener of process.listeners(event)) if (!old?.includes(listener)) process.removeListener(event, listener);
    }
  }
}
