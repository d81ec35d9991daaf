/**
 * `ashore/protocol`: the formats that server and device share, for programs that read or check what Ashore publishes. Runs
 * anywhere: no I/O, no clock, WebCrypto alone.
 */
export { aspired, type AspiredVersion, type DeviceView } from "./aspired.ts";
export { MEDIA_TYPES, type Descriptor } from "./descriptor.ts";
export { digestOf, digestOfHex, hexOf, isDigest, verifyDigest, type Digest } from "./digest.ts";
export { DTYPES, dtypeOfProto, dtypeOfTf, isDType, type DType } from "./dtype.ts";
export * from "./encoding/index.ts";
export { AshoreError, canonicalCode, httpStatus, isErrorCode, type AshoreErrorOptions, type CanonicalCode, type ErrorCode } from "./errors.ts";
export { parseGraphFile, type GraphFile } from "./graph.ts";
export { LIMITS } from "./limits.ts";
export { parseManifest, type Backend, type Codec, type EncodedBlob, type Encoding, type Manifest, type SelfTest, type SignatureDef, type TensorInfo, type Variant } from "./manifest.ts";
export { isLabel, isModelName, isVersion, label, modelName, version, type Label, type ModelName, type Version } from "./names.ts";
export * from "./rest/index.ts";
export { bucketOf, inRollout } from "./rollout.ts";
export { manifestPath, parseServingConfig, servingConfigPath, type ServingConfig, type TargetInfo, type VersionPolicy } from "./serving-config.ts";
export { isLegalTransition, SERVABLE_STATES, type ServableState, type VersionStatus } from "./states.ts";
export { parseStrictJson } from "./strict-json.ts";
export { elementCount, type NamedTensors, type Tensor, type TensorData } from "./tensor.ts";
export { parseTensorIndex, type IndexedTensor, type TensorIndex } from "./tensor-index.ts";
export * from "./tuf/index.ts";
