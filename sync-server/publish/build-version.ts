import { MEDIA_TYPES } from "../../protocol/descriptor.ts";
import { digestOf, hexOf, type Digest } from "../../protocol/digest.ts";
import { printManifest, type EncodedBlob, type Manifest } from "../../protocol/manifest.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { Clock, EngineHost, WithSignal } from "../ports.ts";
import type { ImportedModel } from "../import/index.ts";
import { cutShards } from "./cut-shards.ts";
import { encodeBlob } from "./encode.ts";
import { fitManifest } from "./fit-manifest.ts";
import { placeClasses } from "./place-classes.ts";
import { placeWarmUp } from "./place-warm-up.ts";
import { shardBytesFor } from "./plan.ts";
import { makeSelfTest } from "./self-test.ts";
import { tryWarmUp } from "./try-warm-up.ts";

export interface BuildPorts {
  readonly engine: EngineHost;
  readonly clock: Clock;
  /** Takes every blob of the version, each once, durably when it resolves. */
  readonly putBlob: (digest: Digest, bytes: Uint8Array<ArrayBuffer>) => Promise<unknown>;
}

export interface BuildProgress {
  readonly phase: "import" | "self-test" | "encode" | "sign";
  /** Bytes of weights done in this phase, and of all. */
  readonly bytes: number;
  readonly totalBytes: number;
}

export interface BuildOptions extends WithSignal {
  readonly model: ModelName;
  readonly version: Version;
  /** Publish a model that answers NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}

export interface BuiltVersion {
  readonly manifest: Manifest;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly target: TargetInfo;
  /** What people should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Everything of a version but its signature: its self-test, its blobs (put as they come, before the manifest exists), its
 * manifest. The same source gives the same blobs, and the same manifest but for `created`.
 * @throws SELF_TEST_FAILED, LIMIT_EXCEEDED, MODEL_MALFORMED, STORE_FULL, STORE_FAILED, CANCELLED
 */
export async function buildVersion(imported: ImportedModel, ports: BuildPorts, options: BuildOptions): Promise<BuiltVersion> {
  const { signal, onProgress, model, version } = options;
  const { graph, tensors, signatureDefs, unserved, preprocess, backends } = imported;
  const { classes, assets } = placeClasses(imported);
  const warm = placeWarmUp(imported.warmup ?? []);
  const { index, shards } = cutShards(tensors, shardBytesFor(tensors.map(({ width, bytes }) => ({ width, size: bytes.byteLength }))));
  const totalBytes = shards.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);

  onProgress?.({ phase: "self-test", bytes: 0, totalBytes });
  const bytesOnly = { graph, index, shards: shards.map(({ bytes }) => bytes) };
  const { selfTest, notes } = await makeSelfTest(bytesOnly, signatureDefs, ports.engine, ports.clock, { ...options, backends });
  const warmUpNotes = await tryWarmUp(bytesOnly, imported.warmup ?? [], signatureDefs, ports, { signal, backends });

  const put = async (bytes: Uint8Array<ArrayBuffer>, mediaType: string, width?: number): Promise<EncodedBlob> => {
    signal?.throwIfAborted();
    const { blob, contents } = await encodeBlob(bytes, mediaType, width);
    for (const [digest, content] of contents) await ports.putBlob(digest, content);
    return blob;
  };
  const graphBlob = await put(graph, MEDIA_TYPES.graph);
  const indexBlob = await put(index, MEDIA_TYPES.index);
  const shardBlobs: EncodedBlob[] = [];
  let bytes = 0;
  for (const shard of shards) {
    onProgress?.({ phase: "encode", bytes, totalBytes });
    shardBlobs.push(await put(shard.bytes, MEDIA_TYPES.shard, shard.width));
    bytes += shard.bytes.byteLength;
  }
  const assetBlobs: Manifest["assets"] = [];
  for (const asset of [...assets, ...warm.assets]) assetBlobs.push({ path: asset.path, blob: await put(asset.bytes, MEDIA_TYPES.asset) });

  const manifest = fitManifest({
    schemaVersion: 1,
    model,
    version,
    created: new Date(ports.clock.now()).toISOString(),
    signatureDefs: { ...signatureDefs },
    ...(unserved && { unserved: { ...unserved } }),
    ...(preprocess && { preprocess: { ...preprocess } }),
    ...(classes && { classes }),
    assets: assetBlobs,
    selfTest,
    warmup: warm.warmup,
    variants: [{ name: "default", format: "tfjs-graph-model", graph: graphBlob, index: indexBlob, shards: shardBlobs, ...(backends && { backends: [...backends] }) }],
  });
  const printed = printManifest(manifest);
  return { manifest, bytes: printed, target: { sha256: hexOf(await digestOf(printed)), length: printed.byteLength }, notes: [...(imported.notes ?? []), ...notes, ...warmUpNotes] };
}
