export { createBatching } from "./create-batching.ts";
export type { BatchingMetrics } from "./metrics.ts";
