import { describe, expect, test } from "vitest";
import { digestOfHex, type Digest } from "../../../protocol/digest.ts";
import type { EncodedBlob, Encoding } from "../../../protocol/manifest.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { blobsOf, nextPollDelay, planBlob, planVersion } from "../../../runtime/sync/index.ts";
import { retryDelay } from "../../../runtime/sync/retry.ts";
import { HttpStatusError } from "../../../runtime/trust/index.ts";
import { publishVersion } from "./make-version.ts";

const digest = (n: number): Digest => digestOfHex(n.toString(16).padStart(64, "0"));
const encoding = (codec: string, n: number, size: number, base?: number): Encoding => ({ codec, digest: digest(n), size, ...(base !== undefined && { base: digest(base) }), ...(codec.includes("planes") && { width: 4 }) });
/** One that is decoded against an older blob. */
const DELTA = encoding("planes+gzip", 10, 100, 1);
const PLANES = encoding("planes+gzip", 11, 700);
const GZIP = encoding("gzip", 12, 800);
const IDENTITY = encoding("identity", 2, 1000);
const UNKNOWN = encoding("zstd", 13, 50);
const blob = (...encodings: readonly Encoding[]): EncodedBlob => ({ mediaType: "x", digest: digest(2), size: 1000, encodings: [...encodings] });
const nothing = { holds: (): boolean => false, failed: (): boolean => false };

describe("which encodings are tried, in which order", () => {
  test.each<[string, readonly Encoding[], readonly number[], readonly Encoding[], readonly Encoding[]]>([
    ["the smallest first, whatever the manifest's order", [IDENTITY, GZIP, PLANES], [], [], [PLANES, GZIP, IDENTITY]],
    ["no delta without its base", [DELTA, PLANES], [], [], [PLANES]],
    ["the delta first where its base is held", [PLANES, DELTA, IDENTITY], [1], [], [DELTA, PLANES, IDENTITY]],
    ["a codec that is not known is passed over", [UNKNOWN, GZIP], [], [], [GZIP]],
    ["what failed before comes last", [DELTA, PLANES, IDENTITY], [1], [DELTA, PLANES], [IDENTITY, DELTA, PLANES]],
    ["a blob whose every encoding failed can still be fetched", [PLANES], [], [PLANES], [PLANES]],
    ["nothing where nothing is known", [UNKNOWN], [], [], []],
  ])("%s", (_, encodings, held, failed, expected) => {
    const holds = (base: Digest): boolean => held.some((n) => digest(n) === base);
    expect(planBlob(blob(...encodings), { holds, failed: (of) => failed.some((other) => other.digest === of) })).toEqual(expected);
  });

  test("the total is what travels if every first encoding does", () => {
    const plan = planVersion([blob(IDENTITY, PLANES), blob(GZIP)], nothing);
    expect(plan.totalBytes).toBe(1500);
    expect(plan.blobs.map(({ encodings }) => encodings[0])).toEqual([PLANES, GZIP]);
  });

  test("a version's blobs are graph, index, shards, assets, each digest once", async () => {
    const { manifest } = await publishVersion({ version: 1, shards: [1, 2, 1] });
    const [variant] = manifest.variants;
    const expected = [variant?.graph, variant?.index, variant?.shards[0], variant?.shards[1], manifest.assets[0]?.blob].map((found) => found?.digest);
    expect(blobsOf(manifest).map((found) => found.digest)).toEqual(expected);
  });
});

describe("when to poll next", () => {
  const poll = (state: Partial<Parameters<typeof nextPollDelay>[0]>): number => nextPollDelay({ pollSeconds: 60, failures: 0, random: 0.5, ...state });
  test.each<[string, Partial<Parameters<typeof nextPollDelay>[0]>, number]>([
    ["the interval", {}, 60_000],
    ["half of it at the least", { random: 0 }, 30_000],
    ["twice as long after a failure", { failures: 1 }, 120_000],
    ["eight times at the most", { failures: 50 }, 480_000],
    ["a long interval is not stretched", { pollSeconds: 3600, failures: 9 }, 3_600_000],
    ["an interval of minutes is stretched to a quarter of an hour", { pollSeconds: 300, failures: 9 }, LIMITS.pollBackoffCapMs],
    ["not before the server asked", { retryAfterMs: 90_000 }, 90_000],
    ["not a month later, though the server asked", { retryAfterMs: 30 * 86_400_000 }, 86_400_000],
  ])("%s", (_, state, expected) => expect(poll(state)).toBe(expected));

  test("spreads over 50 % to both sides", () => {
    const delays = Array.from({ length: 100 }, (__, i) => poll({ random: i / 100 }));
    expect([Math.min(...delays), Math.max(...delays)]).toEqual([30_000, 89_400]);
  });
});

describe("when to try a download again", () => {
  const status = (code: number, retryAfterMs?: number): HttpStatusError => new HttpStatusError("", code, retryAfterMs);
  test.each<[string, unknown, number, number | undefined]>([
    ["a network that failed", new AshoreError("NETWORK_FAILED", ""), 1, 250],
    ["later the second time", new AshoreError("NETWORK_FAILED", ""), 2, 500],
    ["no more than four attempts", new AshoreError("NETWORK_FAILED", ""), LIMITS.fetchAttempts, undefined],
    ["a server in trouble", status(503), 1, 250],
    ["as late as it asks", status(429, 5000), 1, 5000],
    ["not where it asks for more than is waited here", status(503, LIMITS.retryCapMs + 1), 1, undefined],
    ["not what is not there", status(404), 1, undefined],
    ["not what was forbidden", status(403), 1, undefined],
    ["not wrong bytes", new AshoreError("DIGEST_MISMATCH", ""), 1, undefined],
    ["not what was cancelled", new AshoreError("CANCELLED", ""), 1, undefined],
  ])("%s", (_, error, attempt, expected) => expect(retryDelay(error, attempt, 0.5)).toBe(expected));
});
