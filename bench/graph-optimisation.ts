/**
 * Inference on wasm of imported models as they come and optimised at import, in turn in one run, by the ratio of their medians:
 * the models of the development packages, in which conv + bias + activation are mostly together already, and SavedModels where they
 * lie beside the repository, in which nothing is; those also against what tensorflowjs_converter makes of them.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInProcessEngineHost } from "../engine/in-process-host.ts";
import { parseGraphFile } from "../protocol/graph.ts";
import type { NamedTensors } from "../protocol/tensor.ts";
import { printGraph } from "../sync-server/import/graph/print-graph.ts";
import { readGraphFile } from "../sync-server/import/graph/read-graph-file.ts";
import { importModel, type ImportedModel } from "../sync-server/import/index.ts";
import { packGraph } from "../test/support/pack-graph.ts";
import { realInputs } from "../test/support/real-inputs.ts";
import { copyRealModel, REAL_MODELS } from "../test/support/real-models.ts";
import { ROOT } from "../test/support/root.ts";
import { WASM_PATH } from "../test/support/wasm-path.ts";
import { asThePeer } from "./support/peer-graph.ts";
import { median, printRatio } from "./support/ratios.ts";

const BUDGET_MS = 8_000;
const MOST_ROUNDS = 600;
/** Not slower, as far as medians of alternating runs tell on a machine that does other things too. */
const NOISE = 1.05;
/** Where `tensorflowjs_converter --input_format=tf_saved_model --signature_name=serving_default` wrote NAME/1/model.json. */
const PEER = process.env["ASHORE_PEER_MODELS"];
const SAVED_MODELS = ["mobilenet_v2", "mnist_cnn", "keras2_cnn"];

const host = createInProcessEngineHost({ wasmPath: WASM_PATH });
const root = await mkdtemp(join(tmpdir(), "ashore-bench-"));
// The converter warns that some models could be run synchronously, where they cannot.
console.warn = () => {};

console.log(`Node ${process.version}, wasm, one thread; milliseconds are medians of alternating runs`);
for (const name of REAL_MODELS) {
  const folder = join(root, name);
  await copyRealModel(name, folder);
  const plain = await importModel(folder, { optimise: false });
  const optimised = await importModel(folder);
  await compare(`${name}, optimised`, optimised, plain, NOISE);
}
for (const name of SAVED_MODELS) {
  const folder = join(dirname(ROOT), "shared/saved-models", name, "1");
  if (!existsSync(folder)) {
    console.log(`     ${name}: skipped, this SavedModel does not lie beside the repository`);
    continue;
  }
  const plain = await importModel(folder, { optimise: false });
  const optimised = await importModel(folder);
  await compare(`${name}, optimised`, optimised, plain, 0.9);
  const converted = PEER === undefined ? undefined : join(PEER, name, "1");
  if (converted !== undefined && existsSync(converted)) await compare(`${name}, against tensorflowjs_converter's own`, optimised, await importModel(converted, { optimise: false }), 0.9);
  else await compare(`${name}, against the peer's graph`, optimised, peer(optimised), 0.9);
}
if (PEER === undefined) console.log("The peer's graph is made here of ours, by what tensorflowjs_converter 4.22 was seen to write: depthwise convolutions apart from Mul, AddV2 and Relu6,");
if (PEER === undefined) console.log("convolutions before a residual sum apart from their bias, shapes of Reshape put together at each request, an Identity before the output.");
await rm(root, { recursive: true });

function peer(model: ImportedModel): ImportedModel {
  const parts = readGraphFile(parseGraphFile(model.graph), model.tensors.map((tensor) => ({ ...tensor })));
  for (const [name, { kind, tensor }] of parts.graph.constants) {
    if (kind !== "stored" || tensor.dtype !== "int32" || tensor.quantization !== undefined) continue;
    parts.graph.constants.set(name, { kind: "dense", tensor: { dtype: "int32", shape: tensor.shape, data: new Int32Array(tensor.bytes.slice().buffer) } });
  }
  asThePeer(parts.graph, Object.values(model.signatureDefs["serving_default"]?.outputs ?? {}).map(({ name }) => name));
  return { ...model, ...printGraph(parts) };
}

async function compare(what: string, model: ImportedModel, other: ImportedModel, atMost: number): Promise<void> {
  // The same numbers, each under its graph's own names.
  const asked = [realInputs(what, model.signatureDefs), realInputs(what, other.signatureDefs)] as const;
  const candidates = [await host.load(packGraph(model), { backend: "wasm" }), await host.load(packGraph(other), { backend: "wasm" })] as const;
  const times: [number[], number[]] = [[], []];
  const one = async (at: 0 | 1): Promise<NamedTensors> => {
    const start = performance.now();
    const answer = await candidates[at].run(asked[at].feeds, asked[at].fetches);
    times[at].push(performance.now() - start);
    return answer;
  };
  for (let i = 0; i < 3; i++) for (const at of [0, 1] as const) await one(at);
  times[0].length = times[1].length = 0;
  const end = performance.now() + BUDGET_MS;
  for (let round = 0; round < MOST_ROUNDS && performance.now() < end; round++) for (const at of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) await one(at);
  const [ours, theirs] = [median(times[0]), median(times[1])];
  printRatio(what, ours / theirs, { atMost }, `${ours.toFixed(3)} against ${theirs.toFixed(3)} ms, ${nodes(model)} nodes against ${nodes(other)}`);
  for (const candidate of candidates) await candidate.close();
}

function nodes({ graph }: ImportedModel): number {
  const { node, library } = parseGraphFile(graph).modelTopology;
  return (library?.function ?? []).reduce((sum, { nodeDef }) => sum + (nodeDef?.length ?? 0), node.length);
}
