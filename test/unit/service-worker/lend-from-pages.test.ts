import { MessageChannel, type MessagePort } from "node:worker_threads";
import { afterEach, describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import type { EngineWanted } from "../../../protocol/messages.ts";
import { modelName, type Version } from "../../../protocol/names.ts";
import { lendFromPages } from "../../../service-worker/lend-from-pages.ts";
import { enginePort, FakeClock } from "../browser/engine-fakes.ts";

const ports: MessagePort[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

interface PageState {
  readonly url?: string;
  readonly focused?: boolean;
  readonly visibilityState?: string;
  /** Whether it knows Ashore, and answers. */
  readonly isSilent?: boolean;
}

class FakePage {
  readonly url: string;
  readonly focused: boolean;
  readonly visibilityState: string;
  readonly words: string[] = [];
  wanted: EngineWanted | undefined;
  readonly #isSilent: boolean;
  #hear: (() => void)[] = [];

  constructor({ url = "https://site.example/app/", focused = false, visibilityState = "hidden", isSilent = false }: PageState) {
    this.url = url;
    this.focused = focused;
    this.visibilityState = visibilityState;
    this.#isSilent = isSilent;
  }

  postMessage(message: EngineWanted, [port]: MessagePort[]): void {
    this.wanted = message;
    if (port === undefined) throw new TypeError("no port");
    ports.push(port);
    port.on("message", ({ type }: { readonly type: string }) => {
      this.words.push(type);
      for (const hear of this.#hear.splice(0)) hear();
    });
    if (!this.#isSilent) port.postMessage({ type: "offer" });
  }

  async word(): Promise<string | undefined> {
    if (this.words.length === 0) await new Promise<void>((resolve) => this.#hear.push(resolve));
    return this.words[0];
  }
}

function lending(...states: PageState[]) {
  const pages = states.map((state) => new FakePage(state));
  const asked: FakePage[] = [];
  const clock = new FakeClock();
  const lend = lendFromPages<MessagePort>({
    pages: {
      matchAll: async () =>
        pages.map((page) => ({
          url: page.url,
          focused: page.focused,
          visibilityState: page.visibilityState,
          postMessage: (message: EngineWanted, transfer: MessagePort[]) => {
            asked.push(page);
            page.postMessage(message, transfer);
          },
        })),
    },
    scopeUrl: "https://site.example/app/",
    server: "https://models.example",
    life: Promise.resolve("life"),
    clock,
    openChannel: () => {
      const { port1, port2 } = new MessageChannel();
      ports.push(port1);
      return { port1: enginePort(port1), port2 };
    },
  });
  return { pages, asked, clock, lend: (signal?: AbortSignal) => lend({ model: modelName("m"), version: 3 as Version, engine: "m three", isLoaded: false }, { signal }) };
}

describe("a worker lent by a page", () => {
  test("comes of one page alone, and the others are told", async () => {
    const { pages, lend } = lending({}, {});
    expect(await lend()).toBeDefined();
    const words = await Promise.all(pages.map((page) => page.word()));
    expect(new Set(words)).toEqual(new Set(["leave", "take"]));
    expect(pages[0]?.wanted).toEqual({ ashore: 1, type: "engine-wanted", model: "m", version: 3, engine: "m three", isLoaded: false, server: "https://models.example", scope: "/app/", owner: "life" });
  });

  test("is asked of those first that somebody looks at, and of none outside the scope", async () => {
    const { pages, asked, lend } = lending({}, { visibilityState: "visible" }, { url: "https://site.example/other" }, { focused: true, visibilityState: "visible" });
    await lend();
    expect(asked).toEqual([pages[3], pages[1], pages[0]]);
  });

  test("comes of a page that answers, however many do not", async () => {
    const { pages, lend } = lending({ focused: true, isSilent: true }, {});
    expect(await lend()).toBeDefined();
    expect(await pages[1]?.word()).toBe("take");
    expect(await pages[0]?.word()).toBe("leave");
  });

  test("is not waited for without pages, and not for ever with silent ones", async () => {
    expect(await lending().lend()).toBeUndefined();
    const { pages, clock, lend } = lending({ isSilent: true });
    const lent = lend();
    while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(LIMITS.engineOfferMs);
    expect(await lent).toBeUndefined();
    expect(await pages[0]?.word()).toBe("leave");
  });

  test("is given up when nobody waits any more", async () => {
    const abort = new AbortController();
    const { pages, clock, lend } = lending({ isSilent: true });
    const lent = lend(abort.signal);
    while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await expect(lent).rejects.toMatchObject({ code: "CANCELLED" });
    expect(await pages[0]?.word()).toBe("leave");
  });
});
