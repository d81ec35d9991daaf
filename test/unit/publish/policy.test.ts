import { describe, expect, test } from "vitest";
import { digest } from "../../../protocol/digest.ts";
import { modelName, version, type Version } from "../../../protocol/names.ts";
import type { TargetInfo } from "../../../protocol/serving-config.ts";
import { retire } from "../../../sync-server/publish/policy.ts";
import { addVersion, keepPresent, revertTo, servingConfigFor, type ServingRecord } from "../../../sync-server/publish/index.ts";

const manifest = (n: number): TargetInfo => ({ sha256: n.toString(16).padStart(64, "0"), length: 100 + n });
const served = (record: ServingRecord): number[] => record.config.versions.map((entry) => entry.version);
const present = (...numbers: number[]): ReadonlySet<Version> => new Set(numbers.map(version));
const add = (record: ServingRecord, n: number, fromRepository = true): ServingRecord => addVersion(record, version(n), manifest(n), { fromRepository });
const empty = servingConfigFor(modelName("digits"), undefined);
const withVersions = (...numbers: number[]): ServingRecord => numbers.reduce((record, n) => add(record, n), empty);

describe("settings", () => {
  test("a model starts with TensorFlow Serving's defaults", () => {
    expect(empty.config).toEqual({ schemaVersion: 1, model: "digits", versions: [], policy: { latest: 1 }, labels: {}, blocked: [], halt: false, pollSeconds: 60 });
  });

  test("what an operator does not say stays as it was: labels, rollout, blocks, halt", () => {
    const before: ServingRecord = {
      ...withVersions(1),
      config: { ...withVersions(1).config, labels: { stable: version(1) }, blocked: [digest(`sha256:${"a".repeat(64)}`)], halt: true, rollout: { version: version(1), salt: "s", buckets: 5 } },
    };
    const after = servingConfigFor(modelName("digits"), before, { policy: { all: true } });
    expect(after).toEqual({ ...before, config: { ...before.config, policy: { all: true } } });
  });
});

describe("adding", () => {
  test("keeps versions in order and each once, under its newest manifest", () => {
    expect(served(withVersions(3, 1, 2, 1))).toEqual([1, 2, 3]);
    expect(withVersions(1).config.versions).toEqual([{ version: 1, manifest: manifest(1) }]);
  });
});

describe("a folder that goes", () => {
  test("takes its version along while others stay: TensorFlow Serving's way to roll back", () => {
    const after = keepPresent(withVersions(1, 2, 3), present(1, 2));
    expect(served(after)).toEqual([1, 2]);
    expect(after.fromRepository).toEqual([1, 2]);
  });

  test("and brings it back when it returns", () => {
    expect(served(add(keepPresent(withVersions(1, 2), present(1)), 2))).toEqual([1, 2]);
  });

  test.each([
    ["a repository that turned empty", present()],
    ["a repository whose only folders are not published yet", present(4)],
  ])("%s takes nothing away", (_, folders) => {
    expect(served(keepPresent(withVersions(1, 2, 3), folders))).toEqual([1, 2, 3]);
  });

  test("versions that were published by command stay, whatever the folder holds", () => {
    expect(served(keepPresent(add(withVersions(1, 3), 2, false), present(1)))).toEqual([1, 2]);
  });
});

describe("a revert", () => {
  const reverted = revertTo(withVersions(1, 2, 3, 4), version(2), manifest(2));

  test("takes out what is above, and remembers it", () => {
    expect(served(reverted)).toEqual([1, 2]);
    expect(reverted.reverted).toEqual([3, 4]);
  });

  test("is not undone by a watcher that still sees the folders", () => {
    expect(served(add(add(reverted, 3), 4))).toEqual([1, 2]);
    expect(served(keepPresent(add(reverted, 3), present(1, 2, 3, 4)))).toEqual([1, 2]);
  });

  test("lets a higher number go on", () => {
    expect(served(add(reverted, 5))).toEqual([1, 2, 5]);
  });

  test("back to a version that an earlier revert took out offers it again", () => {
    const forward = revertTo(reverted, version(3), manifest(3));
    expect(served(forward)).toEqual([1, 2, 3]);
    expect(forward.reverted).toEqual([4]);
  });
});

describe("a repository that is watched no more", () => {
  const labelled = (record: ServingRecord): ServingRecord => ({ ...record, config: { ...record.config, labels: { stable: version(1), canary: version(2) } } });

  test("takes its versions and their labels along; nothing else is a word to hold nothing", () => {
    const after = retire(labelled(withVersions(1, 2)));
    expect(after).toMatchObject({ config: { versions: [], policy: { specific: [] }, labels: {} }, fromRepository: [] });
    expect(retire(after)).toBe(after);
  });

  test("leaves what was published by hand, under the policy that was", () => {
    const after = retire(labelled(add(withVersions(2), 1, false)));
    expect([served(after), after.config.policy, after.config.labels]).toEqual([[1], { latest: 1 }, { stable: 1 }]);
    const byHand = add(empty, 1, false);
    expect(retire(byHand)).toBe(byHand);
  });

  test("gives all of it back when it is watched again", () => {
    const again = add(servingConfigFor(modelName("digits"), retire(withVersions(1)), { policy: { latest: 1 }, labels: { stable: version(1) } }), 1);
    expect([served(again), again.config.policy, again.config.labels, again.fromRepository]).toEqual([[1], { latest: 1 }, { stable: 1 }, [1]]);
  });
});
