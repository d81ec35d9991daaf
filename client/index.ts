export { connect } from "./connect.ts";
export type { ClassScore } from "../protocol/classes.ts";
export { AshoreError, type CanonicalCode, type ErrorCode } from "../protocol/errors.ts";
export type { Backend } from "../protocol/manifest.ts";
export type { DType } from "../protocol/dtype.ts";
export type { Fallback, ModelState, StoredModel } from "../protocol/messages.ts";
export type { ModelName, Version } from "../protocol/names.ts";
export type { ServableState, VersionStatus } from "../protocol/states.ts";
export type { NamedTensors, Tensor, TensorData } from "../protocol/tensor.ts";
export type {
  Answer,
  Ashore,
  ConnectOptions,
  ImageSource,
  InputValue,
  Model,
  ModelSelection,
  NestedValue,
  PredictOptions,
  Progress,
  ReadyOptions,
  Watched,
  WithSignal,
} from "./types.ts";
