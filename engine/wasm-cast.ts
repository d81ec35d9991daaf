import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { getKernel, registerKernel, unregisterKernel, type CastAttrs, type CastInputs, type TensorInfo } from "@tensorflow/tfjs-core";

let corrected = false;

/**
 * TF.js's wasm kernel casts to bool by storing the number in a byte, so that 0.5 and 256 are false and 2 is neither; in
 * TensorFlow whatever is not zero is true. Detection models cast box areas so, and lose every box. Called before the backend
 * is selected.
 */
export function correctCastToBool(): void {
  if (corrected) return;
  corrected = true;
  const config = getKernel("Cast", "wasm");
  unregisterKernel("Cast", "wasm");
  registerKernel({
    ...config,
    kernelFunc: (args) => {
      const { x } = args.inputs as CastInputs;
      const { dtype } = args.attrs as object as CastAttrs;
      const isNumber = x?.dtype === "float32" || x?.dtype === "int32";
      return x !== undefined && isNumber && dtype === "bool" ? notZero(x, args.backend as BackendWasm) : config.kernelFunc(args);
    },
  });
}

function notZero(x: TensorInfo, backend: BackendWasm): TensorInfo {
  const out = backend.makeOutput(x.shape, "bool");
  // After the allocation, which may move the heap under views taken before.
  const values = backend.typedArrayFromHeap(x);
  const truths = backend.typedArrayFromHeap(out);
  for (let i = 0; i < values.length; i++) truths[i] = values[i] === 0 ? 0 : 1;
  return out;
}
