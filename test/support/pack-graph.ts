import { parseGraphFile } from "../../protocol/graph.ts";
import type { ModelBytes } from "../../runtime/ports.ts";
import type { ImportedTensor } from "../../sync-server/import/imported-model.ts";
import { packWeights } from "./pack-model.ts";

/** What an importer gives, as an engine takes it. */
export function packGraph({ graph, tensors }: { readonly graph: Uint8Array; readonly tensors: readonly ImportedTensor[] }): ModelBytes {
  const weights = tensors.map(({ name, shape, dtype, quantization }) => ({ name, shape, dtype, ...(quantization && { quantization }) }));
  return packWeights(parseGraphFile(graph), weights, Buffer.concat(tensors.map(({ bytes }) => bytes)));
}
