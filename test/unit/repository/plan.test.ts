import { describe, expect, test } from "vitest";
import { version, type Version } from "../../../protocol/names.ts";
import type { VersionPolicy } from "../../../protocol/serving-config.ts";
import { stoodStill, versionFolders, wantedVersions } from "../../../sync-server/repository/plan.ts";

const set = (...numbers: number[]): ReadonlySet<Version> => new Set(numbers.map(version));

describe("version folders", () => {
  test("are named by numbers, leading zeros and all; anything else is passed over", () => {
    const { folders, shadowed } = versionFolders(["1", "00000123", "v2", "3.tmp", ".4", "-5", "0", "1e3", "99999999999999999999", "latest"]);
    expect([...folders]).toEqual([[123, "00000123"], [1, "1"]]);
    expect(shadowed).toEqual([]);
  });

  test("of two names for one number the lexicographically last is taken, and the other is told", () => {
    const { folders, shadowed } = versionFolders(["1", "001", "01"]);
    expect([...folders]).toEqual([[1, "1"]]);
    expect(shadowed.map(({ name }) => name)).toEqual(["001", "01"]);
  });
});

describe("wanted versions", () => {
  const cases: [string, VersionPolicy, ReadonlySet<Version>, number[]][] = [
    ["latest 1 is the highest number", { latest: 1 }, set(), [4]],
    ["latest 2, highest first", { latest: 2 }, set(), [4, 3]],
    ["latest more than there are", { latest: 9 }, set(), [4, 3, 2, 1]],
    ["a broken newest version leaves its place to the next, and is still looked at", { latest: 1 }, set(4), [4, 3]],
    ["two broken ones", { latest: 2 }, set(4, 2), [4, 3, 2, 1]],
    ["all", { all: true }, set(4), [4, 3, 2, 1]],
    ["specific ones, where they are there", { specific: [version(1), version(3), version(7)] }, set(), [3, 1]],
  ];
  test.each(cases)("%s", (_, policy, failed, expected) => {
    expect(wantedVersions(set(1, 2, 3, 4), { policy, labels: {} }, failed)).toEqual(expected);
  });

  test("labelled ones too, where they are there", () => {
    const labels = { stable: version(1), canary: version(4), none: version(9) };
    expect(wantedVersions(set(1, 2, 3, 4), { policy: { latest: 1 }, labels }, set())).toEqual([4, 1]);
    expect(wantedVersions(set(1, 2, 3, 4), { policy: { latest: 1 }, labels }, set(4))).toEqual([4, 3, 1]);
  });
});

describe("standing still", () => {
  const look = (text: string, newest = 100_000) => ({ text, newest });
  test.each([
    ["seen for the first time, just written", undefined, look("a"), false],
    ["the same as a poll ago", look("a"), look("a"), true],
    ["changed since", look("a"), look("b"), false],
    ["seen for the first time, and old", undefined, look("a", 97_000), true],
  ])("%s", (_, before, now, expected) => {
    expect(stoodStill(before, now, 100_000, 1000)).toBe(expected);
  });
});
