import type { LendEngine } from "../browser/apart-engine-host.ts";
import type { EnginePort } from "../browser/engine-ports.ts";
import { within } from "../browser/within.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type EngineOffer, type EngineTaken, type EngineWanted } from "../protocol/messages.ts";
import type { Clock } from "../runtime/ports.ts";

/** As a `WindowClient`. */
export interface Page<P> {
  readonly url: string;
  readonly focused: boolean;
  readonly visibilityState: string;
  postMessage(message: EngineWanted, transfer: P[]): void;
}

/** As `Clients`. */
export interface Pages<P> {
  matchAll(options: { readonly type: "window"; readonly includeUncontrolled: true }): Promise<readonly Page<P>[]>;
}

export interface LendFromPagesOptions<P> {
  readonly pages: Pages<P>;
  /** The scope's URL, absolute: pages elsewhere on the origin are of other apps. */
  readonly scopeUrl: string;
  /** The sync server's base URL. */
  readonly server: string;
  /** The name of the Web Lock that this service worker holds, once it does. */
  readonly life: Promise<string>;
  readonly clock: Clock;
  readonly openChannel: () => { readonly port1: EnginePort; readonly port2: P };
}

/**
 * Asks the pages of the scope for a worker: all of them, those that somebody looks at first, and the first that answers lends it.
 * One that does not know Ashore, or is frozen, keeps nobody waiting then; if there are only such, the wait is LIMITS.engineOfferMs.
 * For a worker that has its model loaded already only the page answers that lent it.
 */
export function lendFromPages<P>({ pages, scopeUrl, server, life, clock, openChannel }: LendFromPagesOptions<P>): LendEngine {
  return async (request, { signal }) => {
    const clients = await pages.matchAll({ type: "window", includeUncontrolled: true });
    const ours = clients.filter(({ url }) => url.startsWith(scopeUrl)).sort((a, b) => attention(b) - attention(a));
    if (ours.length === 0) return undefined;
    const wanted: EngineWanted = { ashore: MESSAGE_PROTOCOL, type: "engine-wanted", ...request, server, scope: new URL(scopeUrl).pathname, owner: await life };
    const asked: EnginePort[] = [];
    const offered = Promise.race(
      ours.map((page) => {
        const { port1, port2 } = openChannel();
        asked.push(port1);
        page.postMessage(wanted, [port2]);
        return offerOver(port1);
      }),
    );
    let lent: EnginePort | undefined;
    try {
      if (await within(LIMITS.engineOfferMs, offered, clock, { signal })) lent = await offered;
      return lent;
    } finally {
      for (const port of asked) {
        port.postMessage({ type: port === lent ? "take" : "leave" } satisfies EngineTaken, []);
        if (port !== lent) port.close();
      }
    }
  };
}

function attention({ focused, visibilityState }: Pick<Page<unknown>, "focused" | "visibilityState">): number {
  return (focused ? 2 : 0) + (visibilityState === "visible" ? 1 : 0);
}

function offerOver(port: EnginePort): Promise<EnginePort> {
  return new Promise((resolve) => {
    port.addEventListener("message", ({ data }) => {
      if ((data as Partial<EngineOffer> | null)?.type === "offer") resolve(port);
    });
    port.start();
  });
}
