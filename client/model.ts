import { AshoreError } from "../protocol/errors.ts";
import { label as labelOf, modelName, version as versionOf } from "../protocol/names.ts";
import type { Connection } from "./connection.ts";
import { predictBy } from "./predict.ts";
import { becomeReady } from "./ready.ts";
import type { Model, ModelSelection } from "./types.ts";
import { watchModel } from "./watch.ts";

/** @throws NAME_INVALID, VERSION_INVALID, INVALID_ARGUMENT for a version and a label at once */
export function createModel(connection: Connection, text: string, selection: ModelSelection = {}): Model {
  const name = modelName(text);
  if (selection.version !== undefined) versionOf(selection.version);
  if (selection.label !== undefined) labelOf(selection.label);
  if (selection.version !== undefined && selection.label !== undefined) {
    throw new AshoreError("INVALID_ARGUMENT", `Model ${name} is asked for by version ${selection.version} and by label ${selection.label}; name one of them.`);
  }
  return {
    name,
    ready: (options = {}) => becomeReady(connection, name, selection, options),
    predict: (inputs, options) => predictBy(connection, name, selection, inputs, options),
    watch: (options) => watchModel(connection, name, options),
  };
}
