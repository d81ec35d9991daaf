import type { WithSignal } from "../../ports.ts";
import { detectFormat } from "../detect-format.ts";
import { openSourceFolder } from "../source-folder.ts";
import { readMetaGraphs } from "./read-meta-graphs.ts";

/** The tag sets of the meta graphs in a version's folder; none where it holds no SavedModel. @throws as an import does */
export async function readTagSets(folder: string, options: WithSignal = {}): Promise<readonly (readonly string[])[]> {
  if ((await detectFormat(folder)) !== "saved-model") return [];
  return (await readMetaGraphs(openSourceFolder(folder, options), options)).map(({ tags }) => tags);
}
