import { loadGraphModel } from "@tensorflow/tfjs-converter";
import { dispose, tensor } from "@tensorflow/tfjs-core";
import { browserBackends } from "../../../engine/browser-backends.ts";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import type { ModelBytes } from "../../../runtime/ports.ts";

/** The engine beside the same realm's plain TensorFlow.js, on wasm: what our own way to an answer adds to it. */

interface Question {
  readonly modelUrl: string;
  readonly wasmPath: string;
  readonly parts: { readonly graph: string; readonly index: string; readonly shards: readonly string[] };
  readonly input: string;
  readonly shape: readonly number[];
  readonly blocks: number;
  readonly calls: number;
}

const bytesOf = async (url: string): Promise<Uint8Array<ArrayBuffer>> => new Uint8Array(await (await fetch(url)).arrayBuffer());

async function measure({ modelUrl, wasmPath, parts, input, shape, blocks, calls }: Question): Promise<{ readonly ashore: number[]; readonly peer: number[] }> {
  const model: ModelBytes = { graph: await bytesOf(parts.graph), index: await bytesOf(parts.index), shards: await Promise.all(parts.shards.map(bytesOf)) };
  const host = createInProcessEngineHost({ providers: browserBackends({ wasmPath }), backends: ["wasm"] });
  const hosted = await host.load(model, { backend: "wasm" });
  const plain = await loadGraphModel(modelUrl);
  const data = (): Float32Array<ArrayBuffer> => new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.5);
  const fetches = plain.outputs.map(({ name }) => name);
  const ways = {
    ashore: () => hosted.run({ [input]: { dtype: "float32", shape, data: data() } }, fetches),
    peer: async () => {
      const given = tensor(data(), [...shape]);
      const outputs = [plain.execute({ [input]: given }, fetches) ].flat();
      const values = await Promise.all(outputs.map((output) => output.data()));
      dispose([given, ...outputs]);
      return values;
    },
  };
  const times = { ashore: [] as number[], peer: [] as number[] };
  for (let block = 0; block <= blocks; block++) {
    for (const way of block % 2 === 0 ? (["ashore", "peer"] as const) : (["peer", "ashore"] as const)) {
      for (let call = 0; call < calls; call++) {
        const start = performance.now();
        await ways[way]();
        if (block > 0) times[way].push(performance.now() - start);
      }
    }
  }
  return times;
}

Object.assign(globalThis, { measure });
