import * as v from "valibot";
import { isDigest, type Digest } from "./digest.ts";

/** The media types of Ashore's blobs and targets. */
export const MEDIA_TYPES = {
  graph: "application/vnd.ashore.graph.v1+json",
  index: "application/vnd.ashore.index.v1+json",
  shard: "application/vnd.ashore.shard.v1",
  asset: "application/octet-stream",
  manifest: "application/vnd.ashore.manifest.v1+json",
  servingConfig: "application/vnd.ashore.serving-config.v1+json",
} as const;

export const digestSchema = v.custom<Digest>(isDigest, 'must be "sha256:" and 64 lower-case hexadecimal digits');
export const sizeSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** What immutable bytes are: type, digest, size in bytes (OCI image specification, descriptors). */
export const descriptorSchema = v.object({
  mediaType: v.string(),
  digest: digestSchema,
  size: sizeSchema,
});
export type Descriptor = v.InferOutput<typeof descriptorSchema>;
