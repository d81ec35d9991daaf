export { createEdgeRuntime, type EdgeRuntime, type EdgeRuntimeOptions } from "./edge-runtime.ts";
export { startEdge, type Edge, type EdgeOptions } from "./edge.ts";
export { createThreadedEngineHost, type ThreadedEngineOptions } from "./engine-host.ts";
export type { Log } from "./log.ts";
export { createRequestMetrics } from "./metrics.ts";
export { answerRest, type ListenerState } from "./rest-listener.ts";
export { toFetchHandler } from "../runtime/index.ts";
export type { FetchPort, ModelStatus, PredictAnswer, PredictRequest, RequestMetrics, Runtime, RuntimeEvent } from "../runtime/index.ts";
