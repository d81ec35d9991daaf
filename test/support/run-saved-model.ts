import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import type { Backend } from "../../protocol/manifest.ts";
import type { NamedTensors, Tensor } from "../../protocol/tensor.ts";
import type { ImportedGraph, ImportOptions } from "../../sync-server/import/imported-model.ts";
import { importSavedModel } from "../../sync-server/import/saved-model/import-saved-model.ts";
import { packGraph } from "./pack-graph.ts";
import type { GraphWriter } from "./saved-model-writer/graph-writer.ts";
import { memorySource } from "./saved-model-writer/memory-source.ts";
import { SavedModelWriter, type SignatureTensor } from "./saved-model-writer/saved-model-writer.ts";

export function importWritten(model: SavedModelWriter, options: ImportOptions = {}): Promise<ImportedGraph> {
  return importSavedModel(memorySource(model.files()), options);
}

/** What a signature def of an imported model answers, by its output keys: flat values, and shapes. Strings are UTF-8. */
export async function answersOf(imported: ImportedGraph, signature: string, inputs: NamedTensors, backend: Backend): Promise<Record<string, { readonly shape: readonly number[]; readonly values: readonly unknown[] }>> {
  const def = imported.signatureDefs[signature];
  if (def === undefined) throw new Error(`There is no ${signature}: ${imported.notes?.join(" ") ?? ""}`);
  const hosted = await createInProcessEngineHost({ backends: [backend] }).load(packGraph(imported), { backend });
  try {
    const feeds: Record<string, Tensor> = {};
    for (const [key, tensor] of Object.entries(inputs)) feeds[def.inputs[key]?.name ?? key] = tensor;
    const fetches = [...new Set(Object.values(def.outputs).map(({ name }) => name))];
    const answers = await hosted.run(feeds, fetches);
    return Object.fromEntries(
      Object.entries(def.outputs).map(([key, { name }]) => {
        const answer = answers[name];
        if (answer === undefined) throw new Error(`${name} was not answered.`);
        return [key, { shape: [...answer.shape], values: Array.from<unknown, unknown>(answer.data, (x) => (x instanceof Uint8Array ? new TextDecoder().decode(x) : x)) }];
      }),
    );
  } finally {
    await hosted.close();
  }
}

/** A model of one graph without variables, as TF1 writes it: placeholders by their keys, and what `body` makes of them. */
export function graphModel(inputs: Readonly<Record<string, SignatureTensor[1]>>, body: (graph: GraphWriter, inputs: readonly string[]) => Readonly<Record<string, readonly [reference: string, dtype: SignatureTensor[1]]>>): SavedModelWriter {
  const model = new SavedModelWriter("tf1");
  const fed = Object.entries(inputs).map(([key, dtype]) => [key, [model.graph.placeholder(key, dtype, null), dtype, null] as const] as const);
  const results = body(model.graph, fed.map(([, [reference]]) => reference));
  return model.signature("serving_default", Object.fromEntries(fed), Object.fromEntries(Object.entries(results).map(([key, [reference, dtype]]) => [key, [reference, dtype, null]])));
}
