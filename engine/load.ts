import { GraphModel } from "@tensorflow/tfjs-converter";
import { io, type NamedTensorMap } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";
import { parseGraphFile, type GraphFile, type GraphSignature } from "../protocol/graph.ts";
import { parseTensorIndex } from "../protocol/tensor-index.ts";
import type { BackendProvider } from "./backends.ts";
import { graphOf } from "./converter.ts";
import { LoadedGraph } from "./execute.ts";
import { executionError } from "./execution-error.ts";
import { unsupportedOps } from "./supported-ops.ts";
import { decodeWeights } from "./weights.ts";

/** A variant's verified bytes. Each shard is taken out of the array when it has been read, so that its memory can be freed. */
export interface GraphBytes {
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly index: Uint8Array<ArrayBuffer>;
  readonly shards: (Uint8Array<ArrayBuffer> | undefined)[];
}

/**
 * A graph, ready to compute on the backend that is the realm's now. Synchronous; to be called inside the realm's engine queue.
 * @throws MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, JSON_INVALID, SCHEMA_INVALID, RESOURCE_EXHAUSTED, ENGINE_CRASHED
 */
export function loadGraph(bytes: GraphBytes, provider: BackendProvider): LoadedGraph {
  const file = parseGraphFile(bytes.graph);
  refuseUnsupported(file);
  const { tensors } = parseTensorIndex(bytes.index, bytes.shards.map((shard) => shard?.byteLength ?? 0));
  let weights: NamedTensorMap = {};
  try {
    weights = decodeWeights(tensors, bytes.shards);
    const model = buildModel(file, weights);
    refuseMissingWeights(model, weights);
    return new LoadedGraph(model, provider, file.modelInitializer?.node !== undefined);
  } catch (thrown) {
    for (const weight of Object.values(weights)) weight.dispose();
    const error = executionError(thrown);
    if (error === thrown || error.code === "ENGINE_CRASHED" || error.code === "RESOURCE_EXHAUSTED") throw error;
    throw new AshoreError("MODEL_MALFORMED", "TensorFlow.js cannot build this graph. Convert and publish the model again.", { cause: thrown });
  }
}

function buildModel({ modelTopology, signature, modelInitializer, initializerSignature }: GraphFile, weights: NamedTensorMap): GraphModel<io.IOHandlerSync> {
  const captured = capturedInputs(signature);
  const artifacts: io.ModelArtifacts = {
    // The converter reads `versions.producer`, which a graph may lack.
    modelTopology: { ...modelTopology, versions: modelTopology.versions ?? {} },
    weightSpecs: [],
    weightData: new ArrayBuffer(0),
    ...(captured === undefined ? {} : { signature: captured }),
    ...(modelInitializer?.node === undefined ? {} : { modelInitializer }),
    ...(initializerSignature ? { initializerSignature } : {}),
  };
  // The converter asks its `io` for the weights: given here, so that they are decoded once, straight from the shards.
  const model = new GraphModel<io.IOHandlerSync>({ load: () => artifacts }, {}, { ...io, decodeWeights: () => weights });
  model.load();
  return model;
}

/** Of a signature only the inputs that the initializer captures: with the others the converter would rename feeds and fetches. */
function capturedInputs(signature: GraphSignature | null | undefined): GraphSignature | undefined {
  const inputs = Object.entries(signature?.inputs ?? {}).filter(([, { resourceId }]) => resourceId !== undefined);
  return inputs.length === 0 ? undefined : { inputs: Object.fromEntries(inputs) };
}

function refuseUnsupported(file: GraphFile): void {
  const unsupported = unsupportedOps(file);
  if (unsupported.length === 0) return;
  const list = unsupported.map(({ op, count, nodes }) => `${op} (${count}: ${nodes.join(", ")}${count > nodes.length ? ", …" : ""})`);
  throw new AshoreError("MODEL_UNSUPPORTED_OP", `TensorFlow.js has no implementation of ${list.join("; ")}. Convert the model without these operations.`);
}

function refuseMissingWeights(model: GraphModel<io.IOHandlerSync>, weights: NamedTensorMap): void {
  const missing = Object.values(graphOf(model).nodes).filter(({ op, name }) => op === "Const" && weights[name] === undefined);
  if (missing.length === 0) return;
  const names = missing.slice(0, 5).map(({ name }) => name);
  throw new AshoreError("MODEL_MALFORMED", `The tensor index lacks ${missing.length} of the graph's weights: ${names.join(", ")}${missing.length > 5 ? ", …" : ""}. Publish the model again.`);
}
