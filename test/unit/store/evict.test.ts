import { describe, expect, test } from "vitest";
import { digestOf, digestOfHex, type Digest } from "../../../protocol/digest.ts";
import { modelName } from "../../../protocol/names.ts";
import { blobsOf } from "../../../runtime/sync/index.ts";
import { commitVersion, createJournalKeeper, emptyJournal, evictUnneeded, memoryBlobs, memoryJournal, setConfig, unneeded } from "../../../runtime/store/index.ts";
import { publishVersion } from "../sync/make-version.ts";

const DIGITS = modelName("digits");

describe("what may go", () => {
  test("all that no config, no version held and no version being fetched names", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2] });
    const v2 = await publishVersion({ version: 2, shards: [2, 3] });
    const v3 = await publishVersion({ version: 3, shards: [3, 4] });
    const config = { sha256: "c".repeat(64), length: 5 };
    const manifestOf = (published: typeof v1): Digest => digestOfHex(published.request.manifest.sha256);
    const named = (published: typeof v1): Digest[] => [manifestOf(published), ...blobsOf(published.manifest).map(({ digest }) => digest)];
    const stored = [...new Set([...named(v1), ...named(v2), ...named(v3), digestOfHex(config.sha256), digestOfHex("0".repeat(64))])].map((digest) => ({ digest, size: 1 }));
    const journal = setConfig(commitVersion(emptyJournal("0".repeat(32)), DIGITS, v2.request.version, v2.request.manifest), DIGITS, config, 1);
    const manifests = new Map([v1, v2, v3].map((published) => [manifestOf(published), published.manifest]));

    const kept = new Set([...named(v2), ...named(v3), digestOfHex(config.sha256)]);
    const gone = unneeded(stored, journal, [v3.request.manifest], manifests).map(({ digest }) => digest);
    expect(new Set(gone)).toEqual(new Set(stored.map(({ digest }) => digest).filter((digest) => !kept.has(digest))));
    expect(gone).toContain(manifestOf(v1));
    expect(unneeded(stored, emptyJournal("0".repeat(32)), [], new Map())).toEqual(stored);
  });

  test("and it goes, while what is needed stays; what it was is told", async () => {
    const v1 = await publishVersion({ version: 1, shards: [1, 2] });
    const blobs = memoryBlobs();
    for (const [digest, bytes] of v1.blobs) await blobs.put(digest, bytes);
    await blobs.put(digestOfHex(v1.request.manifest.sha256), v1.manifestBytes);
    const waste = new Uint8Array(123);
    await blobs.put(await digestOf(waste), waste);
    const keeper = await createJournalKeeper(memoryJournal(commitVersion(emptyJournal("0".repeat(32)), DIGITS, v1.request.version, v1.request.manifest)), () => expect.fail("there is a journal"), { report: () => undefined });
    expect(await evictUnneeded(blobs, keeper, [])).toEqual({ blobs: 1, bytes: 123 });
    expect((await blobs.list()).length).toBe(v1.blobs.size + 1);
    expect(await evictUnneeded(blobs, keeper, [])).toEqual({ blobs: 0, bytes: 0 });
  });
});
