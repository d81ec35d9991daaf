import { LIMITS } from "../../protocol/limits.ts";
import type { Manifest, WarmUpRecord } from "../../protocol/manifest.ts";

/** Among a version's assets, the one with its warm-up records. */
const PATH = "assets.extra/warmup.records.json";

/** What a manifest says of a version's warm-up records, and the asset that holds them where it cannot hold them itself. */
export interface PlacedWarmUp {
  readonly warmup: Manifest["warmup"];
  readonly assets: readonly { readonly path: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
}

export function placeWarmUp(records: readonly WarmUpRecord[]): PlacedWarmUp {
  const bytes = new TextEncoder().encode(JSON.stringify(records));
  if (bytes.byteLength <= LIMITS.inlineWarmUpBytes) return { warmup: [...records], assets: [] };
  return { warmup: [{ asset: PATH }], assets: [{ path: PATH, bytes }] };
}
