import { digestOfHex, type Digest } from "../../../protocol/digest.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { BlobStore, Clock, FetchPort, JournalStore, RuntimeEvent } from "../../../runtime/ports.ts";
import { createJournalKeeper, layeredBlobs, memoryBlobs, memoryJournal, evictUnneeded, verifiedBlobs, type JournalKeeper, type LayeredBlobs } from "../../../runtime/store/index.ts";
import { createVersionFetcher, type VersionFetcher } from "../../../runtime/sync/index.ts";
import type { PublishedVersion } from "./make-version.ts";

export const SERVER = "http://server.test";

/** A promise to settle from outside. */
export function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

export interface TestClock extends Clock {
  /** Every sleep that was asked for and slept through at once (retries), milliseconds. */
  readonly slept: readonly number[];
  /** A least-speed window goes by for everyone who watches one. */
  passWindow(): void;
}

/** Retries do not wait; windows of the least-speed rule pass only when a test says so. */
export function testClock(): TestClock {
  const slept: number[] = [];
  const windows = new Set<() => void>();
  return {
    slept,
    now: () => 0,
    sleep: (ms, { signal } = {}) => {
      if (ms < LIMITS.leastSpeedWindowMs) {
        slept.push(ms);
        return signal?.aborted === true ? Promise.reject(signal.reason as Error) : Promise.resolve();
      }
      return new Promise((resolve, reject) => {
        const pass = (): void => {
          windows.delete(pass);
          resolve();
        };
        windows.add(pass);
        signal?.addEventListener("abort", () => {
          windows.delete(pass);
          reject(signal.reason as Error);
        });
      });
    },
    passWindow: () => {
      for (const pass of windows) pass();
    },
  };
}

/** A server that has these versions; `answer` may take a request first. */
export function serverOf(versions: readonly PublishedVersion[], answer?: (digest: Digest, init: RequestInit | undefined) => Response | undefined | Promise<Response | undefined>): { readonly fetch: FetchPort; readonly requests: Digest[] } {
  const requests: Digest[] = [];
  return {
    requests,
    fetch: async (url, init) => {
      const digest = digestOfHex(url.slice(`${SERVER}/blobs/sha256/`.length));
      requests.push(digest);
      const changed = await answer?.(digest, init);
      if (changed !== undefined) return changed;
      const bytes = versions.map(({ wire }) => wire.get(digest)).find((found) => found !== undefined);
      return bytes === undefined ? new Response("not found", { status: 404 }) : new Response(bytes);
    },
  };
}

export interface TestDevice {
  readonly fetcher: VersionFetcher;
  readonly keeper: JournalKeeper;
  readonly blobs: LayeredBlobs;
  readonly events: RuntimeEvent[];
  readonly clock: TestClock;
}

export interface DeviceOptions {
  readonly fetch: FetchPort;
  readonly versions: readonly PublishedVersion[];
  readonly server?: string;
  readonly blobs?: BlobStore;
  readonly journal?: JournalStore;
  readonly clock?: TestClock;
  /** What happens before a manifest is answered. */
  readonly onManifest?: (path: string) => void | Promise<void>;
}

/** The sync and store rooms put together as the runtime does, on stores that a test can look into. */
export async function deviceOf({ fetch, versions, server = SERVER, blobs: primary = memoryBlobs(), journal = memoryJournal(), clock = testClock(), onManifest }: DeviceOptions): Promise<TestDevice> {
  const events: RuntimeEvent[] = [];
  const report = (event: RuntimeEvent): void => void events.push(event);
  let seed = 1;
  const random = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count).map(() => (seed = (seed * 75) % 65537) & 0xff);
  const keeper = await createJournalKeeper(journal, random, { report });
  const makeRoom = (): Promise<unknown> => evictUnneeded(blobs, keeper, fetcher.fetching());
  const blobs: LayeredBlobs = layeredBlobs(verifiedBlobs(primary, { report }), memoryBlobs(), { report, makeRoom });
  const fetcher: VersionFetcher = createVersionFetcher({
    server,
    fetch,
    clock,
    random,
    blobs,
    trust: {
      fetchTarget: async ({ path, sha256 }) => {
        await onManifest?.(path);
        const published = versions.find(({ request }) => request.manifest.sha256 === sha256);
        if (published === undefined) throw new AshoreError("TARGET_NOT_FOUND", `No ${path} with ${sha256}.`);
        return published.manifestBytes.slice();
      },
    },
    chooseVariant: ({ variants: [first] }) => {
      if (first === undefined) throw new AshoreError("BACKEND_UNAVAILABLE", "No variant.");
      return first;
    },
    commit: async ({ model, version, manifest }, digests) => keeper.commit(model, version, manifest, { persisted: await blobs.persisted(digests) }),
  });
  return { fetcher, keeper, blobs, events, clock };
}
