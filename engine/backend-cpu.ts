import "@tensorflow/tfjs-backend-cpu";
import type { BackendProvider } from "./backends.ts";

/** TF.js in plain JavaScript: slow, everywhere, and with every kernel. */
export function cpuBackend(): BackendProvider {
  return {
    name: "cpu",
    readsAreFresh: false,
    start: (select) => select(),
  };
}
