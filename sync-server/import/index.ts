export { importModel } from "./import-model.ts";
export type { ImportedModel, ImportedTensor } from "./imported-model.ts";
export { readTagSets } from "./saved-model/tag-sets.ts";
