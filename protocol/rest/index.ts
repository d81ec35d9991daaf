/** TensorFlow Serving's REST protocol as pure functions: bytes in, data out, and back. */
export { checkClassifySignature, checkRegressSignature } from "./check-signature.ts";
export { CORS_HEADERS, preflightStatus } from "./cors.ts";
export type { RestDialect } from "./dialect.ts";
export { NOT_FOUND_PAGE, REST_CONTENT_TYPE, writeErrorBody } from "./error-body.ts";
export { writeModelMetadata, type ModelMetadata } from "./metadata-json.ts";
export { parseRestPath, type ModelSelector, type RestRoute, type VersionSelector } from "./path.ts";
export type { SignatureInputs, TensorFormat } from "./predict-format.ts";
export { readExamples, type Example, type Examples, type Feature } from "./read-examples.ts";
export { readPredictInputs, type PredictInputs, type ReadPredictOptions } from "./read-predict.ts";
export { parseRequestBody, type RequestBody } from "./request-body.ts";
export { serializeExamples } from "./serialize-example.ts";
export { readSimplePredictInputs, writeSimplePredictAnswer } from "./simple-predict.ts";
export { writeModelList, writeModelStatus } from "./status-json.ts";
export { writePredictAnswer } from "./write-predict.ts";
export { writeClassifyAnswer, writeRegressAnswer } from "./write-results.ts";
