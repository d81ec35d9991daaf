import type { WireError } from "../../protocol/errors.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { ModelBytes } from "../../runtime/ports.ts";

/** How a test in Node asks an engine host in a browser: JSON, with typed arrays in base64. */

export type EngineCall =
  | { readonly type: "load"; readonly model: ModelBytes; readonly backend: Backend }
  | { readonly type: "run"; readonly handle: number; readonly feeds: NamedTensors; readonly fetches: readonly string[] }
  | { readonly type: "close" | "lost"; readonly handle: number }
  | { readonly type: "prepare"; readonly backend: Backend }
  /** What the realm computes with, as TF.js itself says. */
  | { readonly type: "inspect" }
  /** Takes the GPU device away, as a driver that is reset does; or has it refuse shaders, or memory, from now on. */
  | { readonly type: "break-device"; readonly how: DeviceFault }
  /** Puts the probe's clock on. */
  | { readonly type: "advance"; readonly ms: number };

export type DeviceFault = "lost" | "no shader compiles" | "no memory";

export interface Inspection {
  readonly backend: string;
  /** Shaders that the GPU has compiled. */
  readonly pipelines: number;
  readonly gpuBytes: number;
  /** Threads of the WebAssembly module; 0 before it started. */
  readonly threads: number;
  /** The `.wasm` files that were asked for, in order. */
  readonly wasmFiles: readonly string[];
}

export type ToProbe =
  | { readonly id: number; readonly call: EngineCall; readonly aborted?: WireError | undefined }
  | { readonly id: number; readonly abort: WireError };

export type FromProbe = { readonly id: number; readonly value: unknown } | { readonly id: number; readonly error: WireError };

/** How the probe makes its host; it is given with the first message. */
export interface ProbeOptions {
  readonly backends: readonly Backend[];
  readonly threads?: boolean;
}

const ARRAYS = { Float32Array, Float64Array, Int32Array, Uint8Array, BigInt64Array } as const;
type ArrayName = keyof typeof ARRAYS;

interface Packed {
  readonly array: ArrayName;
  readonly base64: string;
}

export function print(value: unknown): string {
  return JSON.stringify(value, (_, item: unknown) => (ArrayBuffer.isView(item) ? packed(item) : item));
}

export function parse<T>(json: string): T {
  return JSON.parse(json, (_, item: unknown) => (isPacked(item) ? unpacked(item) : item)) as T;
}

function packed(view: ArrayBufferView): Packed {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  // A Buffer of Node is a Uint8Array by another name.
  return { array: view.constructor.name in ARRAYS ? (view.constructor.name as ArrayName) : "Uint8Array", base64: btoa(binary) };
}

function isPacked(item: unknown): item is Packed {
  return typeof item === "object" && item !== null && "array" in item && "base64" in item;
}

function unpacked({ array, base64 }: Packed): ArrayBufferView {
  const { buffer } = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  return new ARRAYS[array](buffer);
}
