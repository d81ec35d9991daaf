import { AshoreError } from "../protocol/errors.ts";

/**
 * What TF.js threw while computing, as one of ours: after a trap of the WebAssembly module its memory cannot be trusted any
 * more, a kernel that a backend lacks is the model's trouble, the rest is what was fed.
 */
export function executionError(thrown: unknown): AshoreError {
  if (thrown instanceof AshoreError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const because = { cause: thrown };
  if (isTrap(thrown)) {
    return new AshoreError("ENGINE_CRASHED", `The engine crashed while it computed: ${message}. The model must be loaded again.`, because);
  }
  if (thrown instanceof RangeError && /allocation failed|array length|array buffer length|createBuffer/i.test(message)) {
    return new AshoreError("RESOURCE_EXHAUSTED", `There is not enough memory to compute this: ${message}. Ask with a smaller batch.`, because);
  }
  const kernel = /Kernel '(\w+)' not registered for backend '(\w+)'/.exec(message);
  if (kernel !== null) {
    return new AshoreError("MODEL_UNSUPPORTED_OP", `The ${kernel[2]} backend has no kernel ${kernel[1]}, which this model needs. Another backend may have it.`, because);
  }
  if (thrown instanceof TypeError) {
    return new AshoreError("INTERNAL", `TensorFlow.js failed while it computed: ${message}`, because);
  }
  return new AshoreError("INVALID_ARGUMENT", `The model cannot compute this: ${readable(message)}`, because);
}

interface WithWebAssembly {
  readonly WebAssembly?: { readonly RuntimeError: new () => Error };
}

function isTrap(thrown: unknown): boolean {
  const { WebAssembly } = globalThis as WithWebAssembly;
  return WebAssembly !== undefined && thrown instanceof WebAssembly.RuntimeError;
}

/** TF.js's message about an input, with its own API's words taken out. */
function readable(message: string): string {
  return message.replace(/of dict\['([^']*)'\] provided in model\.execute\(dict\)/, "of the graph's tensor $1").replace(/^Error: /, "");
}
