import { aspired, type AspiredVersion } from "../../protocol/aspired.ts";
import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import type { Version } from "../../protocol/names.ts";
import type { ServingConfig, TargetInfo } from "../../protocol/serving-config.ts";
import type { JournalModel } from "../ports.ts";

export interface ModelView {
  /** The serving config in force; undefined where none is known (any more): what is held goes on. */
  readonly config: ServingConfig | undefined;
  /** The version of the metadata that signed it. */
  readonly metadataVersion: number;
  /** The lowest version that the publisher lets run; 0 for none. */
  readonly floor: number;
  readonly bucket: number;
  /** What the publisher signed for each version; a version counts only where it and the serving config agree. */
  readonly published: ReadonlyMap<number, TargetInfo>;
  readonly record: JournalModel;
  /** Digests that this host cannot run, beside those that the journal remembers as failed. */
  readonly unable: ReadonlySet<Digest>;
  /** Digests that could not be loaded just now, and may be later. */
  readonly unfit: ReadonlySet<Digest>;
}

export interface DesiredVersions {
  /** What the device should hold, highest first. */
  readonly aspired: readonly AspiredVersion[];
  /** Of those, what is not here yet. */
  readonly missing: readonly AspiredVersion[];
  /** What to have loaded now, out of what is here whole. */
  readonly loaded: readonly AspiredVersion[];
  /** What to keep stored: those, and the newest other version, for a revert or a block. */
  readonly kept: readonly AspiredVersion[];
  readonly blocked: ReadonlySet<Digest>;
  readonly labels: Readonly<Record<string, Version>>;
  /** A request without a version gets none below. */
  readonly latestFloor: number;
  /** The publisher says in so many words that nothing is to be served. */
  readonly nothing: boolean;
}

/**
 * What a device should fetch, load and keep of one model, from everything that it knows. Pure (DESIGN section 4.3).
 *
 * While nothing aspired is here yet, the newest version that is here stands in: the one that the new one will take over
 * from, the replacement of a blocked one, or the newest whole one while a damaged one is fetched again. The version that
 * answered last sets a floor under the stand-in too, unless newer serving metadata points elsewhere, or it cannot answer
 * any more (blocked, failed, or its bytes are gone).
 */
export function desiredVersions(view: ModelView): DesiredVersions {
  const { config, record, floor, metadataVersion } = view;
  const blocked = new Set(config?.blocked);
  const lost = new Set([...record.failed, ...view.unable]);
  const failed = new Set([...lost, ...view.unfit]);
  const held = [...record.held].sort((a, b) => b.version - a.version);
  const able = held.filter(({ manifest }) => !blocked.has(digestOf(manifest)) && !failed.has(digestOf(manifest)));
  const wanted = config === undefined ? [] : aspired(agreed(config, view.published), { floor, bucket: view.bucket, held: new Set(held.map(({ version }) => version)), failed });

  const served = held.find(({ version, manifest }) => version === record.served?.version && !blocked.has(digestOf(manifest)) && !lost.has(digestOf(manifest)));
  const isLowered = metadataVersion > (record.served?.metadataVersion ?? 0) && !wanted.some(({ version }) => version === served?.version);
  const latestFloor = served === undefined || isLowered ? 0 : served.version;

  const here = wanted.filter((one) => held.some((other) => same(one, other)));
  const loaded = here.some(({ version }) => version >= latestFloor) || servesNothing(config) ? here : [...here, ...standIn(able, Math.max(floor, latestFloor), served?.version)];
  const previous = able.find((one) => !wanted.some((other) => same(one, other)) && !loaded.some((other) => same(one, other)));
  return {
    aspired: wanted,
    missing: wanted.filter((one) => !here.includes(one)),
    loaded,
    kept: [...here, ...loaded.filter((one) => !here.includes(one)), ...(previous === undefined ? [] : [previous])],
    blocked,
    labels: config?.labels ?? {},
    latestFloor,
    nothing: servesNothing(config),
  };
}

/** Versions that the publisher's target and the serving config give the same digest and length (as in Uptane). */
function agreed(config: ServingConfig, published: ReadonlyMap<number, TargetInfo>): ServingConfig {
  const versions = config.versions.filter(({ version, manifest }) => {
    const target = published.get(version);
    return target?.sha256 === manifest.sha256 && target.length === manifest.length;
  });
  return { ...config, versions };
}

/** Below the publisher's floor only the version that answers now goes on, until another can. */
function standIn(able: readonly AspiredVersion[], floor: number, served: Version | undefined): readonly AspiredVersion[] {
  const newest = able.find(({ version }) => version >= floor) ?? able.find(({ version }) => version === served);
  return newest === undefined ? [] : [newest];
}

/** `specific: []` asks for nothing, in so many words. */
function servesNothing(config: ServingConfig | undefined): boolean {
  return config !== undefined && "specific" in config.policy && config.policy.specific.length === 0;
}

function same(a: AspiredVersion, b: AspiredVersion): boolean {
  return a.version === b.version && a.manifest.sha256 === b.manifest.sha256;
}

function digestOf(manifest: TargetInfo): Digest {
  return digestOfHex(manifest.sha256);
}
