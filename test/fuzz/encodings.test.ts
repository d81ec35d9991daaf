import { expect, test } from "vitest";
import { digestOf, hexOf, type Digest } from "../../protocol/digest.ts";
import { CODECS, type EncodedBlob, type Encoding } from "../../protocol/manifest.ts";
import { fetchBlob } from "../../runtime/sync/fetch-blob.ts";
import { encodeBlob, type BlobWithEncodings } from "../../sync-server/publish/encode.ts";
import { testClock } from "../unit/sync/make-device.ts";
import { mutateBytes } from "./mutate.ts";
import { rounds, type Random } from "./random.ts";

/** Blobs on their way, changed by anybody, and encodings that lie, signed by the publisher: the very bytes come out, or a typed refusal. */
type Bytes = Uint8Array<ArrayBuffer>;
const REFUSALS = /^(DIGEST_MISMATCH|SIZE_MISMATCH|LIMIT_EXCEEDED|ENCODING_INVALID|UNIMPLEMENTED|NOT_FOUND|HTTP_STATUS)$/;

/** Bytes that compress in one way or another, or not at all. */
function content(random: Random): Bytes {
  const length = random.of([0, 1, 2, 3, 7, 100, 1001, 4096, 20_000]);
  const kind = random.below(3);
  if (kind === 0) return new Uint8Array(length);
  if (kind === 1) return random.bytes(length);
  return new Uint8Array(Float32Array.from({ length: length >> 2 }, () => random.below(64) / 1024).buffer);
}

async function fetched(blob: EncodedBlob, encodings: readonly Encoding[], served: (digest: Digest) => Bytes | undefined): Promise<Bytes | { readonly code: string }> {
  const fetch = async (url: string): Promise<Response> => {
    const bytes = served(`sha256:${url.slice(-64)}` as Digest);
    return bytes === undefined ? new Response("no such file", { status: 404 }) : new Response(bytes);
  };
  try {
    return await fetchBlob(blob, encodings, { server: "http://server.test", fetch, clock: testClock(), random: (count) => new Uint8Array(count), blobs: { get: async () => undefined } });
  } catch (error) {
    return error as { code: string };
  }
}

function expectRight(got: Bytes | { readonly code: string }, right: Bytes): boolean {
  if (got instanceof Uint8Array) expect(got).toEqual(right);
  else expect(got.code).toMatch(REFUSALS);
  return got instanceof Uint8Array;
}

async function encoded(random: Random): Promise<BlobWithEncodings & { readonly bytes: Bytes }> {
  const bytes = content(random);
  return { bytes, ...(await encodeBlob(bytes, "test", random.of([1, 2, 4, 8]))) };
}

test("changed on the way: the right bytes, out of another encoding, or none", async () => {
  let healed = 0;
  await rounds(200, 20, async (random) => {
    const { blob, contents, bytes } = await encoded(random);
    const victim = random.of(blob.encodings).digest;
    const got = await fetched(blob, blob.encodings, (digest) => {
      const right = contents.get(digest);
      return right !== undefined && digest === victim ? mutateBytes(right, random) : right;
    });
    if (expectRight(got, bytes) && blob.encodings.length > 1) healed++;
  });
  expect(healed).toBeGreaterThan(30);
});

test("signed by a liar: an encoding whose bytes are as they are said to be, and no encoding of the blob", async () => {
  await rounds(300, 21, async (random) => {
    const { blob, contents, bytes } = await encoded(random);
    const encoding = random.of(blob.encodings);
    const lie = mutateBytes(contents.get(encoding.digest) ?? new Uint8Array(), random);
    const lying: Encoding = {
      ...encoding,
      codec: random.chance(0.8) ? encoding.codec : random.of(CODECS),
      digest: await digestOf(lie),
      size: lie.length,
      ...(random.chance(0.3) && { width: random.of([1, 2, 3, 4, 16]) }),
    };
    expectRight(await fetched(blob, [lying], (digest) => (hexOf(digest) === hexOf(lying.digest) ? lie : undefined)), bytes);
  });
});

test("signed by a liar: an encoding that gives more, or less, than the blob has", async () => {
  await rounds(200, 22, async (random) => {
    const { blob, contents, bytes } = await encoded(random);
    const size = random.of([0, 1, Math.max(0, blob.size - 1), blob.size + 1, 2 * blob.size, 1 << 20]);
    const lying: EncodedBlob = { ...blob, size, encodings: blob.encodings.filter(({ codec }) => codec !== "identity") };
    const got = await fetched(lying, lying.encodings, (digest) => contents.get(digest));
    if (size !== blob.size) expect(got).not.toBeInstanceOf(Uint8Array);
    expectRight(got, bytes);
  });
});
