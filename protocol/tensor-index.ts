import * as v from "valibot";
import { sizeSchema } from "./descriptor.ts";
import { AshoreError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { schemaError } from "./manifest.ts";
import { parseStrictJson } from "./strict-json.ts";

/**
 * Where each weight of a graph lies. `dtype` is what TF.js gets (after quantisation is undone), `quantization` TF.js's own
 * record. A tensor of `size` bytes starts at `offset` of shard `shard` and, where it is larger than what that shard has left,
 * goes on at the start of the following shards.
 */
const indexedTensorSchema = v.object({
  name: v.pipe(v.string(), v.minLength(1)),
  dtype: v.picklist(["float32", "int32", "bool", "string", "complex64"]),
  shape: v.pipe(v.array(sizeSchema), v.maxLength(LIMITS.tensorRank)),
  shard: sizeSchema,
  offset: sizeSchema,
  size: sizeSchema,
  quantization: v.optional(
    v.object({
      dtype: v.picklist(["uint8", "uint16", "float16"]),
      scale: v.optional(v.number()),
      min: v.optional(v.number()),
    }),
  ),
});
export type IndexedTensor = v.InferOutput<typeof indexedTensorSchema>;

const tensorIndexSchema = v.object({
  schemaVersion: v.literal(1),
  tensors: v.pipe(v.array(indexedTensorSchema), v.maxLength(LIMITS.tensorsPerModel)),
});
export type TensorIndex = v.InferOutput<typeof tensorIndexSchema>;

/**
 * The tensor index of verified bytes, checked against the sizes of the shards: every tensor lies inside them.
 * @throws JSON_INVALID, SCHEMA_INVALID
 */
export function parseTensorIndex(bytes: Uint8Array, shardSizes: readonly number[], what = "the tensor index"): TensorIndex {
  const result = v.safeParse(tensorIndexSchema, parseStrictJson(bytes, what));
  if (!result.success) throw schemaError(what, result.issues);
  for (const tensor of result.output.tensors) {
    let left = tensor.size;
    let offset = tensor.offset;
    for (let shard = tensor.shard; left > 0; shard++, offset = 0) {
      const size = shardSizes[shard];
      if (size === undefined || offset > size) {
        throw new AshoreError("SCHEMA_INVALID", `${what}: tensor ${tensor.name} lies outside the shards.`);
      }
      left -= Math.min(left, size - offset);
    }
  }
  return result.output;
}

export function printTensorIndex(index: TensorIndex): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(index)}\n`);
}
