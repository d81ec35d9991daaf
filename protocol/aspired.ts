import { digestOfHex, type Digest } from "./digest.ts";
import type { Version } from "./names.ts";
import { inRollout } from "./rollout.ts";
import type { ServingConfig, TargetInfo } from "./serving-config.ts";

export interface AspiredVersion {
  readonly version: Version;
  readonly manifest: TargetInfo;
}

export interface DeviceView {
  /** The lowest version that the publisher lets run (`minVersion` of its targets); 0 for none. */
  readonly floor: number;
  /** The device's bucket for this config's rollout, 0..9999. */
  readonly bucket: number;
  /** Versions that the device holds whole. */
  readonly held: ReadonlySet<number>;
  /** Manifest digests that failed on this device: as if not offered. */
  readonly failed: ReadonlySet<Digest>;
}

/**
 * The whole set of versions that a device should hold now, highest first: the policy's choice, plus every labelled version,
 * minus what is blocked, below the floor, or failed here. What is missing from it is to be unloaded. Pure; safe to repeat
 * (TensorFlow Serving `core/source.h`; DESIGN section 4.3).
 */
export function aspired(config: ServingConfig, view: DeviceView): readonly AspiredVersion[] {
  const blocked = new Set(config.blocked);
  const allowed = config.versions
    .filter(({ version, manifest }) => version >= view.floor && !blocked.has(digestOfHex(manifest.sha256)) && !view.failed.has(digestOfHex(manifest.sha256)))
    .sort((a, b) => b.version - a.version);
  const labelled = new Set<number>(Object.values(config.labels));
  const offered = allowed.filter(({ version }) => offeredTo(config, view, version));
  const wanted = new Set<number>(chosen(config, offered));
  return allowed.filter(({ version }) => wanted.has(version) || labelled.has(version));
}

function chosen(config: ServingConfig, offered: readonly AspiredVersion[]): readonly number[] {
  const { policy } = config;
  if ("latest" in policy) return offered.slice(0, policy.latest).map(({ version }) => version);
  if ("all" in policy) return offered.map(({ version }) => version);
  const named = new Set<number>(policy.specific);
  return offered.filter(({ version }) => named.has(version)).map(({ version }) => version);
}

/** A device outside a rollout is not offered the rollout's version; under `halt` only a device that holds it keeps it. */
function offeredTo(config: ServingConfig, view: DeviceView, version: Version): boolean {
  const { rollout, halt } = config;
  if (rollout === undefined || version !== rollout.version) return true;
  return view.held.has(version) || (!halt && inRollout(view.bucket, rollout.buckets));
}
