import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { printGraphFile, type GraphFile } from "../../protocol/graph.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { printTensorIndex, type IndexedTensor } from "../../protocol/tensor-index.ts";
import type { ModelBytes } from "../../runtime/ports.ts";

/** A model.json's bytes as an engine takes them, without a publisher between. */

interface WeightEntry {
  readonly name: string;
  readonly shape: number[];
  readonly dtype: IndexedTensor["dtype"];
  readonly quantization?: NonNullable<IndexedTensor["quantization"]>;
}

interface ModelJson extends GraphFile {
  readonly weightsManifest: readonly { readonly paths: readonly string[]; readonly weights: readonly WeightEntry[] }[];
}

export interface PackOptions {
  /** Where to cut the weights. Default: LIMITS.defaultShardBytes. */
  readonly shardBytes?: number;
}

export async function packModel(modelJson: string, { shardBytes = LIMITS.defaultShardBytes }: PackOptions = {}): Promise<ModelBytes> {
  const model = JSON.parse(await readFile(modelJson, "utf8")) as ModelJson;
  const files: Buffer[] = [];
  for (const { paths } of model.weightsManifest) {
    for (const path of paths) files.push(await readFile(join(dirname(modelJson), path)));
  }
  return packWeights(model, model.weightsManifest.flatMap(({ weights }) => weights), Buffer.concat(files), shardBytes);
}

/** The same from what is in memory: the weights' bytes in one piece, in the order of their entries. */
export function packWeights(graph: GraphFile, weights: readonly WeightEntry[], data: Uint8Array, shardBytes: number = LIMITS.defaultShardBytes): ModelBytes {
  const tensors: IndexedTensor[] = [];
  let at = 0;
  for (const { name, shape, dtype, quantization } of weights) {
    const size = byteLength({ name, shape, dtype, ...(quantization && { quantization }) }, data, at);
    tensors.push({ name, dtype, shape, shard: Math.floor(at / shardBytes), offset: at % shardBytes, size, ...(quantization && { quantization }) });
    at += size;
  }
  const shards: Uint8Array<ArrayBuffer>[] = [];
  for (let start = 0; start < data.byteLength; start += shardBytes) shards.push(new Uint8Array(data.subarray(start, start + shardBytes)));
  const { modelTopology, signature, modelInitializer, initializerSignature } = graph;
  return {
    graph: printGraphFile({ modelTopology, signature, modelInitializer, initializerSignature }),
    index: printTensorIndex({ schemaVersion: 1, tensors }),
    shards,
  };
}

function byteLength({ shape, dtype, quantization }: WeightEntry, data: Uint8Array, at: number): number {
  const count = shape.reduce((product, size) => product * size, 1);
  if (quantization !== undefined) return count * { uint8: 1, uint16: 2, float16: 2 }[quantization.dtype];
  if (dtype !== "string") return count * { float32: 4, int32: 4, bool: 1, complex64: 8 }[dtype];
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let end = at;
  for (let i = 0; i < count; i++) end += 4 + view.getUint32(end, true);
  return end - at;
}
