import { digestOf, digestOfHex, type Digest } from "../protocol/digest.ts";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { FetchPort, Ports, WithSignal } from "../runtime/ports.ts";
import { retrying, singleFlight } from "../runtime/sync/index.ts";
import { download } from "../runtime/trust/download.ts";
import { browserClock } from "./browser-clock.ts";
import { storeError } from "./store-error.ts";

export interface RuntimeFilesOptions {
  /** The sync server's base URL. */
  readonly server: string;
  readonly cacheName: string;
  /** SHA-256 in hexadecimal by file name, as the build knows them. */
  readonly digests: Readonly<Record<string, string>>;
  readonly fetch: FetchPort;
  /** Default: the browser's, where there is one. */
  readonly caches?: CacheStorage | undefined;
  /** Hears of files that could not be kept. */
  readonly report?: Ports["report"] | undefined;
}

export interface RuntimeFiles {
  /**
   * A file's bytes, the caller's own: as they were kept, else from `<server>/ashore/wasm/<name>`, and then kept. Never others
   * than the build's.
   * @throws NOT_FOUND for a name that the build does not know; DIGEST_MISMATCH; NETWORK_FAILED, HTTP_STATUS, SLOW_RETRIEVAL,
   * LIMIT_EXCEEDED, CANCELLED
   */
  file(name: string, options?: WithSignal): Promise<ArrayBuffer>;
}

/** The engine's binaries, for offline too. Those of other builds are deleted when one of this build comes in their place. */
export function runtimeFiles({ server, cacheName, digests, fetch, caches = globalThis.caches, report = () => undefined }: RuntimeFilesOptions): RuntimeFiles {
  const flights = singleFlight<string, ArrayBuffer>();
  const known = new Set(Object.entries(digests).map(([name, hex]) => keyOf(name, hex)));

  /** Storage that refuses, or has other bytes than the build's, is storage that has none. */
  async function kept(key: string, digest: Digest): Promise<ArrayBuffer | undefined> {
    try {
      const bytes = await (await caches.match(key, { cacheName }))?.arrayBuffer();
      if (bytes === undefined || (await digestOf(new Uint8Array(bytes))) === digest) return bytes;
      await (await caches.open(cacheName)).delete(key);
    } catch {
      // It is fetched, then; if it cannot be kept, that is reported.
    }
    return undefined;
  }

  async function keep(key: string, bytes: ArrayBuffer): Promise<void> {
    const cache = await caches.open(cacheName);
    const others = (await cache.keys()).filter(({ url }) => !known.has(new URL(url).pathname));
    await Promise.all(others.map((other) => cache.delete(other)));
    await cache.put(key, new Response(bytes, { headers: { "content-type": "application/wasm" } }));
  }

  async function fetched(name: string, digest: Digest, signal: AbortSignal): Promise<ArrayBuffer> {
    const url = `${server.replace(/\/+$/, "")}/ashore/wasm/${encodeURIComponent(name)}`;
    const random = (count: number): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(count));
    let actual: Digest | undefined;
    // The HTTP cache may have another build's under the same name; the second answer is the server's.
    for (const caching of [{}, { cache: "reload" }] as const) {
      const attempt = () => download(fetch, url, { ...caching, maxBytes: LIMITS.runtimeFileBytes, clock: browserClock, signal });
      const { bytes } = await retrying(attempt, { clock: browserClock, random }, { signal });
      actual = await digestOf(bytes);
      if (actual === digest) return bytes.buffer;
    }
    throw new AshoreError("DIGEST_MISMATCH", `${url} has digest ${actual} where this build of Ashore has ${digest}. The server is of another release than the script that asks, or something on the way changes it: update the one that is older.`);
  }

  async function get(name: string, hex: string, signal: AbortSignal): Promise<ArrayBuffer> {
    const key = keyOf(name, hex);
    const digest = digestOfHex(hex);
    const here = await kept(key, digest);
    if (here !== undefined) return here;
    const bytes = await fetched(name, digest, signal);
    await keep(key, bytes).catch(async (thrown: unknown) => report({ type: "problem", error: await storeError(thrown, `keep ${name}`, { needed: bytes.byteLength }) }));
    return bytes;
  }

  return {
    file: async (name, options) => {
      const hex = Object.hasOwn(digests, name) ? digests[name] : undefined;
      if (hex === undefined) throw new AshoreError("NOT_FOUND", `This build of Ashore has no file ${JSON.stringify(name.slice(0, 100))}.`);
      // Who shares the flight may transfer what it got.
      return (await flights.run(name, (signal) => get(name, hex, signal), options)).slice(0);
    },
  };
}

/** A path of this origin that nothing is served at. */
function keyOf(name: string, hex: string): string {
  return `/.ashore/runtime/${hex}/${encodeURIComponent(name)}`;
}
