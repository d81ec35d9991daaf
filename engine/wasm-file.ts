import { env, type Platform } from "@tensorflow/tfjs-core";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

/** TF.js's builds of its WebAssembly module, by what the machine and the realm can do. */
export type WasmFileName = "tfjs-backend-wasm.wasm" | "tfjs-backend-wasm-simd.wasm" | "tfjs-backend-wasm-threaded-simd.wasm";

/** The bytes of one of them, verified: they are compiled as they are. */
export type WasmFile = (name: WasmFileName) => Promise<ArrayBuffer>;

/** The build that TF.js will ask for, as it chooses itself. */
export async function wasmFileName(): Promise<WasmFileName> {
  const [simd, threads] = await Promise.all([env().getAsync("WASM_HAS_SIMD_SUPPORT"), env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT")]);
  if (!simd) return "tfjs-backend-wasm.wasm";
  return threads ? "tfjs-backend-wasm-threaded-simd.wasm" : "tfjs-backend-wasm-simd.wasm";
}

interface WithWebAssembly {
  readonly WebAssembly: { compile(bytes: ArrayBuffer): Promise<object> };
}

/** No address: the bytes under it never come from a network. */
const PREFIX = "ashore-wasm:";

/** Runs TF.js's start of its wasm backend with these bytes in place of a download. */
export async function startWithWasmFile(file: WasmFile, start: () => Promise<boolean>): Promise<boolean> {
  const name = await wasmFileName();
  const bytes = await file(name);
  // TF.js waits for ever for bytes that do not compile (a page whose policy forbids WebAssembly). V8 compiles the same bytes
  // once, so that this costs nothing there.
  await (globalThis as object as WithWebAssembly).WebAssembly.compile(bytes);
  setWasmPaths(PREFIX, true);
  const environment = env();
  const { platform } = environment;
  const answer: Platform["fetch"] = async (path, init) => (path === PREFIX + name ? new Response(bytes) : platform.fetch(path, init));
  environment.platform = Object.create(platform, { fetch: { value: answer } }) as Platform;
  try {
    return await start();
  } finally {
    environment.platform = platform;
  }
}
