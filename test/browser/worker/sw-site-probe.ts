import { SiteCache } from "../../../service-worker/site-cache.ts";

/** A site's cache over a network that a test makes up; runs in any realm of a browser that has Cache Storage. */

interface Served {
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly status?: number;
}

export interface SiteProbe {
  /** What the network has; undefined: there is none. */
  serve(files: Readonly<Record<string, Served>> | undefined): void;
  /** The network hangs from now on: it answers when `release` is called. */
  hang(): void;
  release(): void;
  /** The clock runs past every wait that is under way. */
  wait(): void;
  /** As after the worker was stopped. */
  revive(): void;
  keep(paths: readonly string[]): Promise<number>;
  /** Asks as a page's `fetch` does (`destination` ""), or as a page's part; the body, or the error's name. */
  ask(path: string, destination?: string): Promise<string>;
  /** The paths that are kept, oldest first. */
  kept(): Promise<readonly string[]>;
}

export async function openProbe(limits: { readonly most: number; readonly mostBytes: number }): Promise<SiteProbe> {
  const name = `site-probe:${crypto.randomUUID()}`;
  let network: Readonly<Record<string, Served>> | undefined = {};
  let held: Promise<void> | undefined;
  let release: () => void = () => undefined;
  const waits = new Set<() => void>();
  const open = (): SiteCache =>
    new SiteCache({
      caches,
      name,
      origin: location.origin,
      limits,
      clock: {
        now: () => 0,
        sleep: (_ms, { signal } = {}) =>
          new Promise((resolve, reject) => {
            waits.add(resolve);
            signal?.addEventListener("abort", () => reject(signal.reason as Error));
          }),
      },
      fetch: async ({ url }) => {
        await held;
        const file = network?.[new URL(url).pathname];
        if (network === undefined) throw new TypeError("Failed to fetch");
        return new Response(file?.body ?? "", { status: file === undefined ? 404 : (file.status ?? 200), headers: file?.headers ?? {} });
      },
    });
  let site = open();
  const absolute = (path: string): string => new URL(path, location.origin).href;
  return {
    serve: (files) => void (network = files),
    hang: () => void (held = new Promise((resolve) => (release = resolve))),
    release: () => {
      held = undefined;
      release();
    },
    wait: () => {
      for (const resolve of waits) resolve();
    },
    revive: () => void (site = open()),
    keep: (paths) => site.keep(paths.map(absolute)),
    ask: async (path, destination = "") => {
      const request = new Request(absolute(path));
      Object.defineProperty(request, "destination", { value: destination });
      const after: Promise<unknown>[] = [];
      try {
        return await (await site.respond(request, (work) => after.push(work))).text();
      } catch (thrown) {
        return thrown instanceof Error ? thrown.name : String(thrown);
      } finally {
        await Promise.all(after);
      }
    },
    kept: async () => (await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname),
  };
}
