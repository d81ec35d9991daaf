export type { Clock, EngineHost, FetchPort, HostedModel, Ports, RuntimeEvent } from "./ports.ts";
export { checkBodySize, createBatching, toFetchHandler, type Batching, type BatchingMetrics, type Nested, type PredictAnswer, type PredictRequest, type RequestMetrics, type RequestRecord, type RestCore, type RestRequest, type RestResponse } from "./predict/index.ts";
export type { ModelStatus, Runtime, RuntimeOptions } from "./runtime-api.ts";
export { createRuntime } from "./runtime.ts";
