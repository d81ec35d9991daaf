import { AshoreError } from "../../protocol/errors.ts";
import { applyServing } from "./apply-serving.ts";
import { detectFormat } from "./detect-format.ts";
import type { ImportedGraph, ImportedModel, ImportOptions } from "./imported-model.ts";
import { importSavedModel } from "./saved-model/import-saved-model.ts";
import { readServing } from "./serving-json.ts";
import { openSourceFolder, type SourceFolder } from "./source-folder.ts";
import { importTfjsGraphModel } from "./tfjs-graph-model.ts";
import { readWarmUp } from "./warmup/read-warm-up.ts";

/**
 * One version of a model out of its folder, whatever format it is in.
 * @throws MODEL_INCOMPLETE while it is still being copied; MODEL_MALFORMED, MODEL_UNSUPPORTED_OP, UNIMPLEMENTED,
 * LIMIT_EXCEEDED for what waiting does not mend; CANCELLED
 */
export async function importModel(folder: string, options: ImportOptions = {}): Promise<ImportedModel> {
  const source = openSourceFolder(folder, options);
  const imported = await importGraph(source, options);
  const serving = await readServing(source, options.serving);
  const { warmup, notes } = await readWarmUp(source, imported);
  return { ...imported, ...(serving && applyServing(serving, imported.signatureDefs)), warmup, notes: [...(imported.notes ?? []), ...notes], sourceDigest: source.digest() };
}

async function importGraph(source: SourceFolder, options: ImportOptions): Promise<ImportedGraph> {
  switch (await detectFormat(source.path)) {
    case "tfjs-graph-model":
      return importTfjsGraphModel(source, options);
    case "saved-model":
      return importSavedModel(source, options);
    case "unknown":
      throw new AshoreError("MODEL_INCOMPLETE", `${source.path} holds neither a saved_model.pb nor a model.json; it is still being copied, or is no SavedModel and no TF.js model.`);
  }
}
