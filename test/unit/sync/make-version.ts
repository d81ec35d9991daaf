import { gzipSync } from "node:zlib";
import { MEDIA_TYPES } from "../../../protocol/descriptor.ts";
import { digestOf, hexOf, type Digest } from "../../../protocol/digest.ts";
import { planes } from "../../../protocol/encoding/index.ts";
import { printManifest, type EncodedBlob, type Encoding, type Manifest } from "../../../protocol/manifest.ts";
import { modelName, version as versionOf, type ModelName } from "../../../protocol/names.ts";
import { mulberry32 } from "../../../protocol/self-test.ts";
import type { VersionRequest } from "../../../runtime/sync/index.ts";

/** One version as a server would publish it: what is asked for, and every blob that answers it. */
export interface PublishedVersion {
  readonly request: VersionRequest;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array<ArrayBuffer>;
  /** What lies at `/blobs/sha256/<hex>`: the encodings. */
  readonly wire: ReadonlyMap<Digest, Uint8Array<ArrayBuffer>>;
  /** Every blob of the version, decoded. */
  readonly blobs: ReadonlyMap<Digest, Uint8Array<ArrayBuffer>>;
}

export interface VersionPlanned {
  readonly model?: ModelName;
  readonly version: number;
  /** One seed a shard; the same seed is the same shard, in whatever version. */
  readonly shards: readonly number[];
  readonly shardBytes?: number;
  /** Codecs to carry shards in, in this order. Default: planes+gzip, then identity. */
  readonly codecs?: readonly ("identity" | "gzip" | "planes+gzip")[];
}

/** Small float weights, which is what planes and gzip are good at. */
export function shardOf(seed: number, bytes: number): Uint8Array<ArrayBuffer> {
  const random = mulberry32(seed);
  return new Uint8Array(Float32Array.from({ length: bytes >> 2 }, () => Math.round(random() * 64) / 1024).buffer);
}

export async function publishVersion({ model = modelName("digits"), version, shards, shardBytes = 4096, codecs = ["planes+gzip", "identity"] }: VersionPlanned): Promise<PublishedVersion> {
  const wire = new Map<Digest, Uint8Array<ArrayBuffer>>();
  const blobs = new Map<Digest, Uint8Array<ArrayBuffer>>();

  async function encode(codec: string, bytes: Uint8Array<ArrayBuffer>): Promise<Encoding> {
    const encoded = codec === "identity" ? bytes : new Uint8Array(gzipSync(codec === "gzip" ? bytes : planes(bytes, 4)));
    const digest = await digestOf(encoded);
    wire.set(digest, encoded);
    return { codec, digest, size: encoded.byteLength, ...(codec === "planes+gzip" && { width: 4 }) };
  }

  async function add(mediaType: string, bytes: Uint8Array<ArrayBuffer>, as: readonly string[]): Promise<EncodedBlob> {
    const digest = await digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.byteLength, encodings: await Promise.all(as.map((codec) => encode(codec, bytes))) };
  }

  const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  const manifest: Manifest = {
    schemaVersion: 1,
    model,
    version: versionOf(version),
    created: "2026-01-01T00:00:00Z",
    signatureDefs: {},
    assets: [{ path: "labels.txt", blob: await add(MEDIA_TYPES.asset, new TextEncoder().encode("zero\none\n"), ["identity"]) }],
    selfTest: null,
    warmup: [],
    variants: [
      {
        name: "float32",
        format: "tfjs-graph-model",
        graph: await add(MEDIA_TYPES.graph, text({ graph: "x".repeat(300), version }), ["gzip"]),
        index: await add(MEDIA_TYPES.index, text({ schemaVersion: 1, tensors: [] }), ["gzip"]),
        shards: await Promise.all(shards.map(async (seed) => add(MEDIA_TYPES.shard, shardOf(seed, shardBytes), codecs))),
      },
    ],
  };
  const manifestBytes = printManifest(manifest);
  const sha256 = hexOf(await digestOf(manifestBytes));
  return { request: { model, version: versionOf(version), manifest: { sha256, length: manifestBytes.byteLength } }, manifest, manifestBytes, wire, blobs };
}

/** A manifest with another list of encodings for one of its blobs: what a publisher could also have signed. */
export async function republish(published: PublishedVersion, manifest: Manifest, extra: ReadonlyMap<Digest, Uint8Array<ArrayBuffer>> = new Map()): Promise<PublishedVersion> {
  const manifestBytes = printManifest(manifest);
  const sha256 = hexOf(await digestOf(manifestBytes));
  return { ...published, manifest, manifestBytes, request: { ...published.request, manifest: { sha256, length: manifestBytes.byteLength } }, wire: new Map([...published.wire, ...extra]) };
}
