import { AshoreError } from "../../protocol/errors.ts";
import { detectFormat } from "./detect-format.ts";
import type { ImportedModel, ImportOptions } from "./imported-model.ts";
import { importTfjsGraphModel } from "./tfjs-graph-model.ts";

/**
 * One version of a model out of its folder, whatever format it is in.
 * @throws MODEL_INCOMPLETE while it is still being copied; MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, UNIMPLEMENTED,
 * LIMIT_EXCEEDED for what waiting does not mend; CANCELLED
 */
export async function importModel(folder: string, options: ImportOptions = {}): Promise<ImportedModel> {
  switch (await detectFormat(folder)) {
    case "tfjs-graph-model":
      return importTfjsGraphModel(folder, options);
    case "saved-model":
      throw new AshoreError("UNIMPLEMENTED", `${folder} holds a SavedModel; SavedModel import comes in a later version. Convert it with tensorflowjs_converter --input_format=tf_saved_model --output_format=tfjs_graph_model, and put model.json and its weights there.`);
    case "unknown":
      throw new AshoreError("MODEL_INCOMPLETE", `${folder} holds no model.json; it is still being copied, or is no TF.js graph model.`);
  }
}
