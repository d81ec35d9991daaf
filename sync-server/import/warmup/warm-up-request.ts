import type { NamedTensors } from "../../../protocol/tensor.ts";

/** The signature def of a request that names none. */
export const DEFAULT_SIGNATURE = "serving_default";

/** A request to replay, as a file holds it; whether it fits the model is not known yet. */
export interface WarmUpRequest {
  readonly method: "predict" | "classify" | "regress";
  readonly signatureName: string;
  /** By the signature def's input keys; to classify or regress, serialized `tf.Example`s as `inputs`. */
  readonly inputs: NamedTensors;
  /** The outputs asked for; none for all. */
  readonly outputs: readonly string[];
}
