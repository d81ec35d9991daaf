import { AshoreError } from "../../../protocol/errors.ts";
import type { ImportedGraph, ImportOptions } from "../imported-model.ts";
import type { SourceFolder } from "../source-folder.ts";

/** A SavedModel, TF1 or TF2, as the graph model that TF.js runs. */
export async function importSavedModel(source: SourceFolder, _options: ImportOptions = {}): Promise<ImportedGraph> {
  throw new AshoreError("UNIMPLEMENTED", `${source.path} holds a SavedModel; SavedModel import comes in a later version. Convert it with tensorflowjs_converter --input_format=tf_saved_model --output_format=tfjs_graph_model, and put model.json and its weights there.`);
}
