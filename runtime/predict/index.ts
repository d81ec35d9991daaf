export { createBatching, type BatchingMetrics } from "./batching/index.ts";
export type { Batching } from "./compute.ts";
export { toFetchHandler } from "./fetch-handler.ts";
export type { Nested } from "./nested.ts";
export { predict, type PredictAnswer, type PredictRequest } from "./predict.ts";
export { checkBodySize } from "./request-body.ts";
export { createRestCore, type RestCoreOptions } from "./rest-core.ts";
export type { RequestMetrics, RequestRecord, RestCore, RestRequest, RestResponse } from "./rest-types.ts";
