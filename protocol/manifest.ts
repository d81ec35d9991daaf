import * as v from "valibot";
import { classesSchema } from "./classes.ts";
import { descriptorSchema, digestSchema, sizeSchema } from "./descriptor.ts";
import { isDType, type DType } from "./dtype.ts";
import { AshoreError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { isModelName, isVersion, type ModelName, type Version } from "./names.ts";
import { preprocessSchema } from "./preprocess.ts";
import { parseStrictJson } from "./strict-json.ts";

export const CODECS = ["identity", "gzip", "planes+gzip", "delta+planes+gzip"] as const;
export type Codec = (typeof CODECS)[number];

/**
 * One way to carry a blob over the wire; itself a blob. `size` is what travels, `width` the element width in bytes of a
 * planes codec, `base` the digest of the older shard that a delta is against.
 */
const encodingSchema = v.object({
  codec: v.string(),
  digest: digestSchema,
  size: sizeSchema,
  width: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(16))),
  base: v.optional(digestSchema),
});
export type Encoding = v.InferOutput<typeof encodingSchema>;

/** A blob and the ways to fetch it; the last is always a full encoding. A codec that a device does not know is passed over. */
const encodedBlobSchema = v.object({ ...descriptorSchema.entries, encodings: v.pipe(v.array(encodingSchema), v.minLength(1), v.maxLength(16)) });
export type EncodedBlob = v.InferOutput<typeof encodedBlobSchema>;

const dtypeSchema = v.custom<DType>(isDType, "must be a data type");

/** One input or output of a signature def: the graph's tensor `name` (`x:0`), `shape` with -1 for an unknown size, null for an unknown rank. */
const tensorInfoSchema = v.object({
  name: v.pipe(v.string(), v.minLength(1)),
  dtype: dtypeSchema,
  shape: v.nullable(v.array(v.pipe(v.number(), v.integer(), v.minValue(-1)))),
});
export type TensorInfo = v.InferOutput<typeof tensorInfoSchema>;

/** A small tensor as JSON: integers of 64 bits as decimal text, strings as base64, NaN and infinities as "NaN", "Infinity", "-Infinity". */
const smallTensorSchema = v.object({
  shape: v.array(sizeSchema),
  values: v.pipe(v.array(v.union([v.number(), v.string(), v.boolean()])), v.maxLength(LIMITS.smallTensorElements)),
});
export type SmallTensor = v.InferOutput<typeof smallTensorSchema>;

/**
 * One dense feature of a serialized `tf.Example`, parsed in front of the graph (tf.io.parse_example): `key` in the example,
 * `tensor` the graph's tensor that is fed with it, `shape` of one example. A feature without `default` is required. A default
 * has one element, or as many as the shape.
 */
const featureSchema = v.object({
  key: v.string(),
  tensor: v.pipe(v.string(), v.minLength(1)),
  dtype: v.picklist(["float32", "int64", "string"]),
  shape: v.array(sizeSchema),
  default: v.optional(smallTensorSchema),
});
export type ExampleFeature = v.InferOutput<typeof featureSchema>;

const signatureDefSchema = v.object({
  methodName: v.string(),
  inputs: v.record(v.string(), tensorInfoSchema),
  outputs: v.record(v.string(), tensorInfoSchema),
  /** Values of inputs that a caller may leave out (field 4 of SignatureDef), by key. */
  defaults: v.optional(v.record(v.string(), smallTensorSchema)),
  /** Where the only input is a batch of serialized `tf.Example`s, which the runtime parses: what it feeds instead of that input. */
  examples: v.optional(v.object({ features: v.pipe(v.array(featureSchema), v.minLength(1), v.maxLength(LIMITS.exampleFeatures)) })),
});
export type SignatureDef = v.InferOutput<typeof signatureDefSchema>;

/**
 * What the publisher's machine computed, for a device to compute again. The inputs are made, not stored: one mulberry32
 * stream from `seed` runs through the inputs in the order of their names; float32 takes u in [0, 1), integers floor(`below` u), `below` being 256 where it is absent,
 * bool u >= 0.5, string "" (see `protocol/self-test.ts`). An output lists samples `[flat index, value]`, right when
 * |x - value| <= atol + rtol |value|; without samples only its shape, and that it is finite where `finite` is true, is checked.
 */
const selfTestSchema = v.object({
  signatureDef: v.string(),
  seed: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff)),
  inputs: v.record(v.string(), v.object({ shape: v.array(sizeSchema), below: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(256))) })),
  outputs: v.record(
    v.string(),
    v.object({
      shape: v.nullable(v.array(sizeSchema)),
      finite: v.boolean(),
      samples: v.pipe(v.array(v.strictTuple([sizeSchema, v.number()])), v.maxLength(64)),
      atol: v.pipe(v.number(), v.minValue(0)),
      rtol: v.pipe(v.number(), v.minValue(0)),
    }),
  ),
});
export type SelfTest = v.InferOutput<typeof selfTestSchema>;

/**
 * A request to replay before a version answers: tensors by the signature def's input keys, as in {@link SmallTensor} but of any
 * size.
 */
export const warmUpRecordSchema = v.object({
  signatureDef: v.string(),
  inputs: v.record(v.string(), v.object({ shape: v.array(sizeSchema), values: v.array(v.unknown()) })),
});
export type WarmUpRecord = v.InferOutput<typeof warmUpRecordSchema>;

const backendSchema = v.picklist(["webgpu", "wasm", "cpu"]);
export type Backend = v.InferOutput<typeof backendSchema>;

const variantSchema = v.object({
  name: v.string(),
  format: v.literal("tfjs-graph-model"),
  graph: encodedBlobSchema,
  index: encodedBlobSchema,
  shards: v.pipe(v.array(encodedBlobSchema), v.maxLength(LIMITS.shardsPerModel)),
  backends: v.optional(v.array(backendSchema)),
});
export type Variant = v.InferOutput<typeof variantSchema>;

/** A path inside a version's assets: relative, `/` between segments, no `.` or `..` segment, no backslash. */
const assetPathSchema = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(512),
  v.check((path) => !path.includes("\\") && !path.includes("\0") && path.split("/").every((part) => part !== "" && part !== "." && part !== ".."), "must be a relative path without `..`"),
);

const manifestSchema = v.object({
  schemaVersion: v.literal(1),
  model: v.custom<ModelName>(isModelName, "must be a model name"),
  version: v.custom<Version>(isVersion, "must be a version"),
  created: v.pipe(v.string(), v.isoTimestamp()),
  signatureDefs: v.record(v.string(), signatureDefSchema),
  /** How an image becomes an input, by input key: that of every signature def which has one of that name that takes numbers. */
  preprocess: v.optional(v.record(v.string(), preprocessSchema)),
  /** What the scores of an output are called, in every signature def that has it. */
  classes: v.optional(classesSchema),
  assets: v.array(v.object({ path: assetPathSchema, blob: encodedBlobSchema })),
  /** Why signature defs of the model are not among these, by name: what a caller is told who asks for one. */
  unserved: v.optional(v.record(v.string(), v.string())),
  selfTest: v.nullable(selfTestSchema),
  /** In the order of replaying; an entry with `asset`, the path of one, stands for the list of records that it holds. */
  warmup: v.pipe(v.array(v.union([warmUpRecordSchema, v.object({ asset: assetPathSchema })])), v.maxLength(LIMITS.warmUpRecords)),
  variants: v.pipe(v.array(variantSchema), v.minLength(1), v.maxLength(16)),
});
export type Manifest = v.InferOutput<typeof manifestSchema>;

/**
 * The signed description of one version (DESIGN section 5). Unknown fields are ignored; duplicate keys, bad paths and sizes
 * over their bounds are refused. The bytes must have been verified against the signed target before.
 * @throws JSON_INVALID, SCHEMA_INVALID, LIMIT_EXCEEDED
 */
export function parseManifest(bytes: Uint8Array, what = "the manifest"): Manifest {
  if (bytes.byteLength > LIMITS.manifestBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `${what} has ${bytes.byteLength} bytes; at most ${LIMITS.manifestBytes} are read.`);
  }
  const result = v.safeParse(manifestSchema, parseStrictJson(bytes, what));
  if (!result.success) throw schemaError(what, result.issues);
  for (const { graph, index, shards } of result.output.variants) {
    bounded(what, "graph", graph.size, LIMITS.graphBytes);
    bounded(what, "index", index.size, LIMITS.indexBytes);
    for (const shard of shards) bounded(what, "shard", shard.size, LIMITS.shardBytes);
    for (const blob of [graph, index, ...shards]) checkEncodings(what, blob);
  }
  for (const { blob } of result.output.assets) {
    bounded(what, "asset", blob.size, LIMITS.assetBytes);
    checkEncodings(what, blob);
  }
  return result.output;
}

/** A manifest's bytes: deterministic (keys in the order written), UTF-8. */
export function printManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(manifest)}\n`);
}

function checkEncodings(what: string, blob: EncodedBlob): void {
  for (const encoding of blob.encodings) {
    if (encoding.codec === "identity" && (encoding.digest !== blob.digest || encoding.size !== blob.size)) {
      throw new AshoreError("SCHEMA_INVALID", `${what}: the identity encoding of ${blob.digest} names other bytes.`);
    }
    bounded(what, "encoding", encoding.size, blob.size + LIMITS.encodingOverheadBytes);
  }
  if (blob.encodings.at(-1)?.base !== undefined) {
    throw new AshoreError("SCHEMA_INVALID", `${what}: the last encoding of ${blob.digest} is a delta; it must be a full one.`);
  }
}

function bounded(what: string, part: string, size: number, limit: number): void {
  if (size > limit) throw new AshoreError("LIMIT_EXCEEDED", `${what} names a ${part} of ${size} bytes; at most ${limit} are taken.`);
}

/** All faults of a value, in one error. */
export function schemaError(what: string, issues: readonly v.BaseIssue<unknown>[]): AshoreError {
  const faults = issues.slice(0, 8).map((issue) => `${v.getDotPath(issue) ?? "(root)"}: ${issue.message}`);
  return new AshoreError("SCHEMA_INVALID", `${what} is not as it must be: ${faults.join("; ")}.`);
}
