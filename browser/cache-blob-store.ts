import { digestOfHex, hexOf, type Digest } from "../protocol/digest.ts";
import type { BlobStore } from "../runtime/ports.ts";
import { refuseAborted } from "../runtime/sync/abort.ts";
import { storeError, type Estimate } from "./store-error.ts";

export interface CacheBlobStoreOptions {
  readonly caches: CacheStorage;
  readonly cacheName: string;
  /** Default: what the browser says of this origin. */
  readonly estimate?: Estimate | undefined;
}

const PREFIX = "/.ashore/blobs/sha256/";
/** In the stored request's headers, which listing keys gives without opening a body. */
const SIZE = "ashore-size";

/**
 * Blobs in Cache Storage, under URLs of this origin that nothing is served at. The cache is looked up by its name at each
 * operation: other code may delete it any time, and what is put through a handle to a deleted cache is seen by nobody.
 * Then there are no blobs, and the next `put` begins anew.
 */
export function cacheBlobStore({ caches, cacheName, estimate }: CacheBlobStoreOptions): BlobStore {
  const find = (digest: Digest): Promise<Response | undefined> => caches.match(urlOf(digest), { cacheName });

  /** @throws STORE_FULL, STORE_FAILED */
  async function attempt<T>(what: string, work: () => Promise<T>, needed?: number): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw await storeError(thrown, what, { needed, estimate });
    }
  }

  return {
    get: async (digest, options) => {
      refuseAborted(options);
      const response = await attempt(`read the blob ${digest}`, () => find(digest));
      const bytes = await response?.arrayBuffer().catch(gone);
      refuseAborted(options);
      return bytes && new Uint8Array(bytes);
    },
    has: (digest) => attempt(`look for the blob ${digest}`, async () => (await find(digest)) !== undefined),
    put: async (digest, bytes, options) => {
      refuseAborted(options);
      const size = String(bytes.byteLength);
      // Takes its copy of the bytes here, before anything is waited for.
      const response = new Response(bytes, { headers: { "content-type": "application/octet-stream", "content-length": size } });
      const request = new Request(urlOf(digest), { headers: { [SIZE]: size } });
      await attempt(`keep the blob ${digest}`, async () => (await caches.open(cacheName)).put(request, response), bytes.byteLength);
    },
    delete: (digest) =>
      attempt(`delete the blob ${digest}`, async () => {
        if (await caches.has(cacheName)) await (await caches.open(cacheName)).delete(urlOf(digest));
      }),
    list: () =>
      attempt("list its blobs", async () => {
        if (!(await caches.has(cacheName))) return [];
        const cache = await caches.open(cacheName);
        const listed = (await cache.keys()).map(async (request) => {
          const hex = /^\/\.ashore\/blobs\/sha256\/([0-9a-f]{64})$/.exec(new URL(request.url).pathname)?.[1];
          return hex === undefined ? [] : [{ digest: digestOfHex(hex), size: await sizeOf(request, cache) }];
        });
        return (await Promise.all(listed)).flat();
      }),
  };
}

function urlOf(digest: Digest): string {
  return PREFIX + hexOf(digest);
}

/** Bytes that an entry names and that cannot be read are as good as no entry: they are fetched again, and put in its place. */
function gone(): undefined {
  return undefined;
}

/** What other code put under our name says no size. */
async function sizeOf(request: Request, cache: Cache): Promise<number> {
  const size = request.headers.get(SIZE);
  if (size !== null) return Number(size);
  return (await (await cache.match(request))?.blob())?.size ?? 0;
}
