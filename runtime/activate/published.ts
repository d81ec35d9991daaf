import type { ModelName, Version } from "../../protocol/names.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import type { WithSignal } from "../ports.ts";
import type { Trust } from "../trust/index.ts";

/** What a model's publisher signed. */
export interface Published {
  /** By version. */
  readonly targets: ReadonlyMap<number, TargetInfo>;
  /** The lowest version that the publisher lets run; 0 for none. */
  readonly floor: number;
}

export const NOTHING_PUBLISHED: Published = { targets: new Map(), floor: 0 };

/** @throws what `Trust.list` throws */
export async function readPublished(trust: Pick<Trust, "list">, model: ModelName, options: WithSignal): Promise<Published> {
  const targets = new Map<number, TargetInfo>();
  let floor = 0;
  for (const target of await trust.list(`models/${model}/`, options)) {
    const version = Number(target.path.split("/")[2]);
    if (target.path !== manifestPath(model, version as Version)) continue;
    targets.set(version, target);
    const minVersion = target.custom["minVersion"];
    if (typeof minVersion === "number") floor = Math.max(floor, minVersion);
  }
  return { targets, floor };
}
