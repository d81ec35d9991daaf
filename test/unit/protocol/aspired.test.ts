import { describe, expect, test } from "vitest";
import { aspired, type DeviceView } from "../../../protocol/aspired.ts";
import { digestOfHex } from "../../../protocol/digest.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { inRollout, bucketOf } from "../../../protocol/rollout.ts";
import type { ServingConfig } from "../../../protocol/serving-config.ts";

const hex = (n: number): string => n.toString(16).padStart(64, "0");
const config = (versions: readonly number[], change: Partial<ServingConfig> = {}): ServingConfig => ({
  schemaVersion: 1,
  model: modelName("digits"),
  versions: versions.map((n) => ({ version: version(n), manifest: { sha256: hex(n), length: 10 } })),
  policy: { latest: 1 },
  labels: {},
  blocked: [],
  halt: false,
  pollSeconds: 60,
  ...change,
});
const view = (change: Partial<DeviceView> = {}): DeviceView => ({ floor: 0, bucket: 0, held: new Set(), failed: new Set(), ...change });
const numbers = (c: ServingConfig, v: DeviceView = view()): number[] => aspired(c, v).map((x) => x.version);

describe("aspired versions (DESIGN 4.3)", () => {
  test("latest n takes the highest numbers, whatever their order", () => {
    expect(numbers(config([2, 10, 1]))).toEqual([10]);
    expect(numbers(config([2, 10, 1], { policy: { latest: 2 } }))).toEqual([10, 2]);
  });

  test("all takes every version, specific only those named that are there", () => {
    expect(numbers(config([1, 3, 2], { policy: { all: true } }))).toEqual([3, 2, 1]);
    expect(numbers(config([1, 3], { policy: { specific: [version(1), version(7)] } }))).toEqual([1]);
    expect(numbers(config([1, 3], { policy: { specific: [] } }))).toEqual([]);
  });

  test("a labelled version is held beside the policy's choice", () => {
    expect(numbers(config([1, 2, 3], { labels: { stable: version(1) } }))).toEqual([3, 1]);
  });

  test("a blocked version is gone, labelled or not, and the next lower takes its place", () => {
    const blocked = [digestOfHex(hex(3))];
    expect(numbers(config([1, 2, 3], { blocked, labels: { stable: version(3) } }))).toEqual([2]);
  });

  test("a digest that failed here counts as not offered", () => {
    expect(numbers(config([1, 2]), view({ failed: new Set([digestOfHex(hex(2))]) }))).toEqual([1]);
  });

  test("nothing below the floor is held, labels included", () => {
    expect(numbers(config([1, 2], { labels: { old: version(1) } }), view({ floor: 2 }))).toEqual([2]);
    expect(numbers(config([1, 2]), view({ floor: 3 }))).toEqual([]);
  });

  const rollout = { version: version(3), salt: "s", buckets: 100 };
  test("a device outside a rollout holds the highest version before it", () => {
    expect(numbers(config([1, 2, 3], { rollout }), view({ bucket: 100 }))).toEqual([2]);
    expect(numbers(config([1, 2, 3], { rollout }), view({ bucket: 99 }))).toEqual([3]);
  });

  test("lowering a rollout does not take its version from a device that holds it", () => {
    expect(numbers(config([2, 3], { rollout: { ...rollout, buckets: 0 } }), view({ bucket: 50, held: new Set([3]) }))).toEqual([3]);
  });

  test("under halt a device takes the rollout's version only if it holds it already", () => {
    expect(numbers(config([2, 3], { rollout, halt: true }), view({ bucket: 1 }))).toEqual([2]);
    expect(numbers(config([2, 3], { rollout, halt: true }), view({ bucket: 1, held: new Set([3]) }))).toEqual([3]);
  });
});

describe("buckets", () => {
  test("are stable, differ by salt, and spread evenly", async () => {
    expect(await bucketOf("a", "secret")).toBe(await bucketOf("a", "secret"));
    const buckets = await Promise.all(Array.from({ length: 2000 }, (_, i) => bucketOf("salt", `device-${i}`)));
    const inside = buckets.filter((b) => inRollout(b, 2500)).length;
    // 2000 draws at p = 1/4: mean 500, standard deviation 19; these are fixed inputs, so this cannot flicker.
    expect(Math.abs(inside - 500)).toBeLessThan(80);
    expect(new Set(buckets).size).toBeGreaterThan(1500);
  });
});
