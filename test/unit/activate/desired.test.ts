import { describe, expect, test } from "vitest";
import { digestOfHex } from "../../../protocol/digest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { ServingConfig, TargetInfo, VersionPolicy } from "../../../protocol/serving-config.ts";
import { desiredVersions, type ModelView } from "../../../runtime/activate/index.ts";
import type { JournalModel } from "../../../runtime/ports.ts";

const info = (n: number): TargetInfo => ({ sha256: n.toString(16).padStart(64, "0"), length: 10 });
const digestOf = (n: number): ReturnType<typeof digestOfHex> => digestOfHex(info(n).sha256);
const config = (versions: readonly number[], change: Partial<ServingConfig> = {}): ServingConfig => ({
  schemaVersion: 1,
  model: modelName("m"),
  versions: versions.map((n) => ({ version: version(n), manifest: info(n) })),
  policy: { latest: 1 },
  labels: {},
  blocked: [],
  halt: false,
  pollSeconds: 60,
  ...change,
});
const record = (held: readonly number[], served: readonly [number, number] | null = null, failed: readonly number[] = []): JournalModel => ({
  config: null,
  held: held.map((n) => ({ version: version(n), manifest: info(n) })),
  served: served === null ? null : { version: version(served[0]), metadataVersion: served[1] },
  failed: failed.map(digestOf),
});
const published = (...versions: readonly number[]): ReadonlyMap<number, TargetInfo> => new Map(versions.map((n) => [n, info(n)]));

function decide(view: Partial<ModelView>): { missing: number[]; loaded: number[]; kept: number[]; floor: number } {
  const full: ModelView = { config: undefined, metadataVersion: 1, floor: 0, bucket: 0, published: published(1, 2, 3, 4), record: record([]), unable: new Set(), unfit: new Set(), ...view };
  const { missing, loaded, kept, latestFloor } = desiredVersions(full);
  const numbers = (list: readonly { readonly version: number }[]): number[] => list.map((one) => one.version);
  return { missing: numbers(missing), loaded: numbers(loaded), kept: numbers(kept), floor: latestFloor };
}

describe("what a device should fetch, load and keep", () => {
  test("an empty device fetches, and has nothing to load yet", () => {
    expect(decide({ config: config([1, 2]) })).toEqual({ missing: [2], loaded: [], kept: [], floor: 0 });
  });

  test("while a new version is fetched, the one that serves stands in", () => {
    expect(decide({ config: config([1, 2]), metadataVersion: 2, record: record([1], [1, 1]) })).toMatchObject({ missing: [2], loaded: [1], kept: [1] });
  });

  test("once it is here only the new one is to be loaded, and the old one is kept for a revert", () => {
    expect(decide({ config: config([1, 2]), metadataVersion: 2, record: record([1, 2], [1, 1]) })).toMatchObject({ missing: [], loaded: [2], kept: [2, 1] });
  });

  test("of old versions one is kept, the newest", () => {
    expect(decide({ config: config([3]), record: record([1, 2, 3]) }).kept).toEqual([3, 2]);
  });

  test("a version counts only where publisher and serving config agree on its digest", () => {
    const forged = new Map([...published(1), [2, { ...info(2), sha256: "f".repeat(64) }] as const]);
    expect(decide({ config: config([1, 2]), published: forged }).missing).toEqual([1]);
    expect(decide({ config: config([1, 2]), published: new Map([...published(1), [2, { ...info(2), length: 11 }] as const]) }).missing).toEqual([1]);
  });

  test("a revoked version is not taken anew, and a held one goes on until another is here", () => {
    expect(decide({ config: config([2]), published: published(), record: record([2], [2, 1]) })).toMatchObject({ missing: [], loaded: [2] });
    expect(decide({ config: config([2]), published: published(), record: record([]) }).loaded).toEqual([]);
  });

  test("serving metadata no newer than what gave the served version does not lower it", () => {
    const stale = { config: config([1]), record: record([1, 2], [2, 5]) };
    expect(decide({ ...stale, metadataVersion: 5 })).toMatchObject({ loaded: [1, 2], floor: 2 });
    expect(decide({ ...stale, metadataVersion: 4 })).toMatchObject({ loaded: [1, 2], floor: 2 });
  });

  test("newer serving metadata lowers it, and the newer version stands in until the older is here", () => {
    expect(decide({ config: config([1]), metadataVersion: 6, record: record([2], [2, 5]) })).toMatchObject({ missing: [1], loaded: [2], floor: 0 });
    expect(decide({ config: config([1]), metadataVersion: 6, record: record([1, 2], [2, 5]) })).toMatchObject({ missing: [], loaded: [1], floor: 0 });
  });

  test("newer metadata that still names the served version keeps its floor, so that a restart never answers from a lower one first", () => {
    expect(decide({ config: config([1, 2], { policy: { latest: 2 } }), metadataVersion: 9, record: record([1, 2], [2, 5]) })).toMatchObject({ loaded: [2, 1], floor: 2 });
  });

  test("a blocked version is replaced by the highest that is held, unblocked, and not below the publisher's floor", () => {
    const blocked = config([3], { blocked: [digestOf(3)] });
    expect(decide({ config: blocked, metadataVersion: 2, record: record([1, 2, 3], [3, 1]) })).toMatchObject({ loaded: [2], floor: 0 });
    expect(decide({ config: blocked, metadataVersion: 2, floor: 3, record: record([1, 2, 3], [3, 1]) }).loaded).toEqual([]);
  });

  test("a version that failed here stays out, and the next lower takes its place", () => {
    expect(decide({ config: config([1, 2]), record: record([1, 2], null, [2]) })).toMatchObject({ missing: [], loaded: [1] });
    expect(decide({ config: config([1, 2]), record: record([1, 2], [1, 1]), unable: new Set([digestOf(2)]) })).toMatchObject({ loaded: [1] });
    expect(decide({ config: config([1, 2]), record: record([1, 2], [2, 1], [2]) })).toMatchObject({ loaded: [1], floor: 0 });
  });

  test("a version that cannot be loaded just now leaves its place to the next lower, but not to one below what answered last", () => {
    expect(decide({ config: config([1, 2]), record: record([1, 2], [1, 1]), unfit: new Set([digestOf(2)]) })).toMatchObject({ loaded: [1], floor: 1 });
    expect(decide({ config: config([1, 2]), record: record([1, 2], [2, 1]), unfit: new Set([digestOf(2)]) })).toMatchObject({ loaded: [1], floor: 2 });
    expect(decide({ config: config([2]), record: record([2], [2, 1]), unfit: new Set([digestOf(2)]) })).toMatchObject({ loaded: [], floor: 2 });
  });

  test("while a damaged version is fetched again the newest whole one stands in", () => {
    expect(decide({ config: config([1, 2]), metadataVersion: 5, record: record([1], [2, 5]) })).toMatchObject({ missing: [2], loaded: [1], floor: 0 });
  });

  test("a version below the publisher's floor goes on only as the one that serves, until another is here", () => {
    expect(decide({ config: config([2, 3]), metadataVersion: 2, floor: 3, record: record([2], [2, 1]) })).toMatchObject({ missing: [3], loaded: [2] });
    expect(decide({ config: config([2]), metadataVersion: 2, floor: 3, record: record([2], null) }).loaded).toEqual([]);
  });

  test("without any config, what served goes on", () => {
    expect(decide({ record: record([1, 2], [2, 1]) })).toMatchObject({ loaded: [2], missing: [] });
  });

  test("a config that asks for nothing gets nothing", () => {
    expect(decide({ config: config([2], { policy: { specific: [] } }), metadataVersion: 2, record: record([2], [2, 1]) }).loaded).toEqual([]);
    const says = (policy: VersionPolicy): boolean => desiredVersions({ config: config([2], { policy }), metadataVersion: 2, floor: 0, bucket: 0, published: published(2), record: record([]), unable: new Set(), unfit: new Set() }).nothing;
    expect([says({ specific: [] }), says({ specific: [version(9)] }), says({ latest: 1 })]).toEqual([true, false, false]);
  });
});
