import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Below this, waiting for the collector costs nothing that anyone sees. */
const WORTH_BYTES = 16 * 1024 * 1024;

/**
 * Has the garbage collector run after a load: the shards are garbage then, but a thread that only computes allocates so
 * little that it would keep them, as much memory again as its model, for hours.
 */
export function collectShards(bytes: number): void {
  if (bytes < WORTH_BYTES) return;
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}
