import { LIMITS } from "../../protocol/limits.ts";
import type { Manifest } from "../../protocol/manifest.ts";
import type { ImportedModel } from "../import/index.ts";

const NAMES_ASSET = "serving/classes.json";

export interface PlacedClasses {
  readonly classes?: NonNullable<Manifest["classes"]>;
  readonly assets: ImportedModel["assets"];
}

/** Where the names of classes go: into the manifest, or, where there are many, beside it as an asset that is fetched once. */
export function placeClasses({ classes, assets }: Pick<ImportedModel, "classes" | "assets">): PlacedClasses {
  if (classes === undefined) return { assets };
  const bytes = new TextEncoder().encode(JSON.stringify(classes.names));
  if (bytes.byteLength <= LIMITS.classNamesInline) return { classes, assets };
  return { classes: { ...classes, names: NAMES_ASSET }, assets: [...assets, { path: NAMES_ASSET, bytes }] };
}
