import { readdir } from "node:fs/promises";
import { AshoreError } from "../../protocol/errors.ts";
import { MODEL_JSON } from "./tfjs-graph-model.ts";

export type ModelFormat = "tfjs-graph-model" | "saved-model" | "unknown";

/** What lies in a version's folder, by the names of its files; "unknown" too where it is still empty. @throws NOT_FOUND */
export async function detectFormat(folder: string): Promise<ModelFormat> {
  const names = new Set(await namesIn(folder));
  if (names.has("saved_model.pb") || names.has("saved_model.pbtxt")) return "saved-model";
  return names.has(MODEL_JSON) ? "tfjs-graph-model" : "unknown";
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (cause) {
    throw new AshoreError("NOT_FOUND", `The folder ${folder} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
