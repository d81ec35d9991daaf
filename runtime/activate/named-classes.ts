import type { NamedClasses } from "../../protocol/classes.ts";
import { AshoreError } from "../../protocol/errors.ts";
import type { Manifest } from "../../protocol/manifest.ts";
import type { WithSignal } from "../ports.ts";
import type { ReadAsset } from "./warm-up.ts";

/**
 * A version's classes with their names, wherever those are kept.
 * @throws SCHEMA_INVALID, DIGEST_MISMATCH where they are gone or damaged
 */
export async function namedClasses({ classes, assets }: Manifest, readAsset: ReadAsset, options: WithSignal): Promise<NamedClasses | undefined> {
  if (classes === undefined || typeof classes.names !== "string") return classes && { ...classes, names: classes.names as string[] };
  const asset = assets.find(({ path }) => path === classes.names);
  const names: unknown = asset && JSON.parse(new TextDecoder().decode(await readAsset(asset.blob, options)));
  if (Array.isArray(names) && names.every((name) => typeof name === "string")) return { ...classes, names };
  throw new AshoreError("SCHEMA_INVALID", `The manifest keeps the names of its classes in ${classes.names}, and there is no list of names.`);
}
