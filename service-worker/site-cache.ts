import { within } from "../browser/within.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { Clock, WithSignal } from "../runtime/ports.ts";
import { isKeepable, mayKeep, SITE_LIMITS, sitePlan, toEvict, type SiteLimits } from "./site-plan.ts";

export interface SiteCacheOptions {
  readonly caches: CacheStorage;
  readonly name: string;
  readonly origin: string;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly clock: Clock;
  readonly limits?: SiteLimits | undefined;
}

/** The pages of a site and what they are made of: from the network while it is there, from here when it is not. */
export class SiteCache {
  readonly #options: SiteCacheOptions;
  /** Sizes by URL, oldest first; read from the cache before the first write of this worker's life. */
  #sizes: Map<string, number> | undefined;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: SiteCacheOptions) {
    this.#options = options;
  }

  handles(request: Request): boolean {
    return sitePlan(request, this.#options.origin) !== "pass";
  }

  /**
   * Network first, and for LIMITS.siteNetworkMs alone where something is kept: on a network that hangs a page comes from here, and
   * what the network has to say at last is kept for the next time. `after` gets what goes on after the answer, for the event's `waitUntil`.
   * @throws as `fetch` does, where the network fails and nothing is kept
   */
  async respond(request: Request, after: (work: Promise<unknown>) => void): Promise<Response> {
    const asked = this.#options.fetch(request);
    // A failure is an answer too.
    const isAnswered = await within(LIMITS.siteNetworkMs, asked, this.#options.clock).catch(() => true);
    if (!isAnswered) {
      const kept = await this.#match(request.url);
      if (kept !== undefined) {
        after(asked.then((late) => (mayKeep(late) ? this.#refresh(request, late) : undefined), () => undefined));
        return kept;
      }
    }
    let response: Response;
    try {
      response = await asked;
    } catch (thrown) {
      const kept = await this.#match(request.url);
      if (kept === undefined) throw thrown;
      return kept;
    }
    if (mayKeep(response)) after(this.#refresh(request, response.clone()));
    return response;
  }

  /** Fetches and keeps URLs of this site; answers how many are kept now. */
  async keep(urls: readonly string[], { signal }: WithSignal = {}): Promise<number> {
    const wanted = urls.filter((url) => isKeepable(url, this.#options.origin));
    let kept = 0;
    const take = async (): Promise<void> => {
      for (let url = wanted.shift(); url !== undefined && signal?.aborted !== true; url = wanted.shift()) {
        if (await this.#fetchAndKeep(url, signal)) kept += 1;
      }
    };
    await Promise.all(Array.from({ length: LIMITS.parallelFetches }, take));
    signal?.throwIfAborted();
    return kept;
  }

  async #fetchAndKeep(url: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      const response = await this.#options.fetch(new Request(url, signal === undefined ? {} : { signal }));
      return mayKeep(response) && (await this.#put(url, response));
    } catch {
      // What cannot be had now is kept when it next passes; meanwhile the page works online.
      return false;
    }
  }

  /** Keeps the newer answer, where this one is to be kept at all. Never rejects: a full disk only costs offline use. */
  async #refresh(request: Request, response: Response): Promise<void> {
    try {
      const before = await this.#match(request.url);
      const isKept = before !== undefined;
      const isWanted = isKept ? !isSame(before, response) : sitePlan(request, this.#options.origin) === "keep";
      if (isWanted) await this.#put(request.url, response);
      else await response.body?.cancel();
    } catch {
      // As above.
    }
  }

  async #match(url: string): Promise<Response | undefined> {
    const cache = await this.#open();
    return await cache.match(withoutHash(url), { ignoreVary: true });
  }

  async #put(url: string, response: Response): Promise<boolean> {
    const bytes = await readAtMost(response, LIMITS.siteEntryBytes);
    if (bytes === undefined) return false;
    // What is kept is decoded, and says its own size, by which the whole is bounded.
    const headers = new Headers(response.headers);
    headers.delete("content-encoding");
    headers.set("content-length", String(bytes.byteLength));
    const writing = this.#writing.then(() => this.#write(withoutHash(url), new Response(bytes, { status: 200, headers }), bytes.byteLength));
    this.#writing = writing.catch(() => undefined);
    await writing;
    return true;
  }

  async #write(url: string, response: Response, size: number): Promise<void> {
    const cache = await this.#open();
    const sizes = (this.#sizes ??= await sizesIn(cache));
    sizes.delete(url);
    for (const old of toEvict(sizes, size, this.#options.limits ?? SITE_LIMITS)) {
      await cache.delete(old, { ignoreVary: true });
      sizes.delete(old);
    }
    await cache.put(url, response);
    sizes.set(url, size);
  }

  #open(): Promise<Cache> {
    return this.#options.caches.open(this.#options.name);
  }
}

async function sizesIn(cache: Cache): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  // Oldest first: a put moves an entry to the end.
  for (const { url } of await cache.keys()) {
    const response = await cache.match(url, { ignoreVary: true });
    sizes.set(url, Number(response?.headers.get("content-length") ?? 0));
  }
  return sizes;
}

/** The server says that it is the same as what is kept. */
function isSame(kept: Response, response: Response): boolean {
  const etag = response.headers.get("etag");
  return etag !== null && etag === kept.headers.get("etag");
}

function withoutHash(url: string): string {
  return url.split("#", 1)[0] ?? url;
}

async function readAtMost(response: Response, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  for (let read = await reader?.read(); read?.done === false; read = await reader?.read()) {
    length += read.value.byteLength;
    if (length > most) {
      await reader?.cancel();
      return undefined;
    }
    chunks.push(read.value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
