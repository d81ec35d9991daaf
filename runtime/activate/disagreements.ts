import { AshoreError } from "../../protocol/errors.ts";
import type { Version } from "../../protocol/names.ts";
import type { ServingConfig, TargetInfo } from "../../protocol/serving-config.ts";

export interface Disagreement {
  readonly version: Version;
  readonly error: AshoreError;
}

/**
 * The versions that a serving config offers and that no publisher signed for as it says: TARGET_NOT_FOUND where none signed at all
 * (never, or its key was revoked), METADATA_MISMATCH where it signed for other bytes. None of them is taken. Pure.
 */
export function disagreements({ model, versions }: ServingConfig, published: ReadonlyMap<number, TargetInfo>): readonly Disagreement[] {
  return versions.flatMap(({ version, manifest }) => {
    const target = published.get(version);
    if (target === undefined) {
      return [{ version, error: new AshoreError("TARGET_NOT_FOUND", `The server offers version ${version} of ${model}, for which no publisher signs (any more): it is not taken, and goes on where it is held until another version is.`) }];
    }
    if (target.sha256 === manifest.sha256 && target.length === manifest.length) return [];
    return [{ version, error: new AshoreError("METADATA_MISMATCH", `The server offers other bytes as version ${version} of ${model} than its publisher signed for: it is not taken. The server's key may be in the hands of others.`) }];
  });
}
