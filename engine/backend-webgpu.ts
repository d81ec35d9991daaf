import { engine, registerBackend, removeBackend } from "@tensorflow/tfjs-core";
import { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { BackendProvider, LoseBackend } from "./backends.ts";
import { refuseTooLarge, watchFaults } from "./gpu-faults.ts";

export interface WebgpuBackendOptions {
  /** Milliseconds since 1970, for how long ago the device was lost. Default: this realm's clock. */
  readonly now?: (() => number) | undefined;
}

interface WithGpu {
  readonly navigator?: { readonly gpu?: GPU };
}

/** TF.js's kernels are written for what the adapter has, not for what every device must have. */
const LIMITS_TAKEN = [
  "maxComputeWorkgroupStorageSize",
  "maxComputeWorkgroupsPerDimension",
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupSizeX",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/** A realm has one device at a time, whatever providers there are in it, as TF.js has one backend of a name. */
interface Started {
  readonly backend: WebGPUBackend;
  readonly lose: LoseBackend;
}
let started: Started | undefined;
let lostAt = Number.NEGATIVE_INFINITY;

/**
 * TF.js's WebGPU backend. TF.js neither notices that its device is lost nor recovers, so that is done here: the backend is
 * given up, and for LIMITS.crashMemoryMs this realm has none, so that another backend takes over at once.
 *
 * TF.js computes on the processor what is small and lies there anyway (its flag WEBGPU_CPU_FORWARD), and it stays so: a graph's
 * arithmetic on shapes would else wait for the device at every step.
 */
export function webgpuBackend({ now = Date.now }: WebgpuBackendOptions): BackendProvider {
  return {
    name: "webgpu",
    readsAreFresh: false,
    async start(select, lose) {
      const wait = lostAt + LIMITS.crashMemoryMs - now();
      if (wait > 0) throw unavailable(`its device was lost; it is tried again in ${Math.ceil(wait / 1000)} s`);
      const backend = await requestBackend();
      register(backend);
      started = { backend, lose };
      void backend.device.lost.then(({ message, reason }) => giveUp(backend, now(), `The GPU device was lost: ${message || reason}.`));
      return select();
    },
    onDevice: async (submit, read) => {
      const { backend } = current();
      const { faults, outcome } = await watchFaults(backend.device, submit, read);
      const full = faults.find((fault) => fault instanceof GPUOutOfMemoryError);
      // TF.js keeps and uses again the buffers that it did not get, so that nothing after this could be trusted.
      if (full !== undefined) throw giveUp(backend, now(), `The GPU's memory is full: ${full.message}.`);
      const [fault] = faults;
      if (fault !== undefined) {
        throw new AshoreError("INTERNAL", `WebGPU refused a part of this computation: ${fault.message}. Restrict \`backends\` to another one.`);
      }
      if (outcome.status === "fulfilled") return outcome.value;
      // What TF.js throws is an Error; the device's own rejections, of reading a buffer, are DOMExceptions.
      if (!(outcome.reason instanceof DOMException)) throw outcome.reason;
      throw giveUp(backend, now(), `The GPU does not give its answer: ${outcome.reason.message}.`);
    },
  };
}

async function requestBackend(): Promise<WebGPUBackend> {
  const gpu = (globalThis as object as WithGpu).navigator?.gpu;
  if (gpu === undefined) throw unavailable("this browser has no WebGPU in this kind of worker or page, or this is not a secure context");
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (adapter === null) throw unavailable("the browser has WebGPU, and no GPU for it (a blocked driver, or none)");
  const { limits } = adapter;
  const device = await adapter.requestDevice({ requiredLimits: Object.fromEntries(LIMITS_TAKEN.map((name) => [name, limits[name]])) });
  // Browsers before 2024 have none; TF.js only looks for what suits one vendor's chips in it.
  const backend = new WebGPUBackend(device, Reflect.get(adapter, "info") as GPUAdapterInfo | undefined);
  refuseTooLarge(backend);
  return backend;
}

/** In place of TF.js's own way to a backend, which keeps its device and the reasons of its failures to itself. */
function register(backend: WebGPUBackend): void {
  if (engine().backendNames().includes("webgpu")) removeBackend("webgpu");
  registerBackend("webgpu", () => backend);
}

function current(): Started {
  if (started === undefined) throw new AshoreError("INTERNAL", "There is no WebGPU device to compute on.");
  return started;
}

/** Says that this backend is lost, once, and ends its device, which frees the memory. */
function giveUp(backend: WebGPUBackend, at: number, why: string): AshoreError {
  const reason = new AshoreError("ENGINE_CRASHED", `${why} The model must be loaded again.`);
  if (started?.backend !== backend) return reason;
  const { lose } = started;
  started = undefined;
  lostAt = at;
  lose(reason);
  backend.device.destroy();
  return reason;
}

function unavailable(why: string): AshoreError {
  return new AshoreError("BACKEND_UNAVAILABLE", `The webgpu backend does not start here: ${why}. Restrict \`backends\` to those that this device has.`);
}
