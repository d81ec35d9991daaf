export { detectFormat, type ModelFormat } from "./detect-format.ts";
export { importModel } from "./import-model.ts";
export type { ImportedModel, ImportedTensor } from "./imported-model.ts";
