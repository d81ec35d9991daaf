import type { WebGPUBackend } from "@tensorflow/tfjs-backend-webgpu";
import { AshoreError } from "../protocol/errors.ts";

/**
 * A GPU that cannot do what it is asked throws nothing and gives zeros: a shader that does not compile, a buffer that there is
 * no room for. These scopes are where it says so.
 */
const SCOPES = ["validation", "internal", "out-of-memory"] as const;

export interface Watched<R> {
  readonly faults: readonly GPUError[];
  readonly outcome: PromiseSettledResult<R>;
}

/** Never rejects. The answer to "what went wrong?" travels beside the values, so that asking costs no time of its own. */
export async function watchFaults<T, R>(device: GPUDevice, submit: () => T | Promise<T>, read: (submitted: T) => Promise<R>): Promise<Watched<R>> {
  for (const scope of SCOPES) device.pushErrorScope(scope);
  let faults: Promise<(GPUError | null)[]> | undefined;
  const run = async (): Promise<R> => {
    const values = read(await submit());
    faults = popAll(device);
    return values;
  };
  const [outcome] = await Promise.allSettled([run()]);
  faults ??= popAll(device);
  return { faults: (await faults).filter((fault) => fault !== null), outcome };
}

/** A device that is lost has no scopes any more, and says nothing that matters. */
function popAll(device: GPUDevice): Promise<(GPUError | null)[]> {
  return Promise.all(SCOPES.map(() => device.popErrorScope().catch(() => null)));
}

/** A buffer beyond the device's bounds would be a fault like any other; told apart here, because a smaller batch may help. */
export function refuseTooLarge({ device, bufferManager }: WebGPUBackend): void {
  const bound = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
  const acquire = bufferManager.acquireBuffer.bind(bufferManager);
  bufferManager.acquireBuffer = (size, ...rest) => {
    if (size > bound) {
      throw new AshoreError("RESOURCE_EXHAUSTED", `The GPU takes no tensor of ${size} bytes (at most ${bound}): the model or the batch is too large for this device.`);
    }
    return acquire(size, ...rest);
  };
}
