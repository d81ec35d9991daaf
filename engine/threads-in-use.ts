import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { isCurrent } from "./backends.ts";

/** How many threads this realm computes with: those of the WASM backend where it is the realm's, else one. */
export function threadsInUse(): number {
  return isCurrent("wasm") ? Math.max(1, getThreadsCount()) : 1;
}
