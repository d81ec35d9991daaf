import type { HostNews } from "../protocol/messages.ts";
import type { NewsChannel } from "./ports.ts";
import { readNews } from "./read-answer.ts";

/** The host's news, for whoever in this page listens. */
export class News {
  readonly #listeners = new Set<(news: HostNews) => void>();
  readonly #channel: NewsChannel;

  constructor(channel: NewsChannel) {
    this.#channel = channel;
    channel.addEventListener("message", ({ data }) => {
      const news = readNews(data);
      if (news !== undefined) for (const listener of [...this.#listeners]) this.#tell(listener, news);
    });
  }

  /** Hears everything from now on; the answer ends that. */
  subscribe(listener: (news: HostNews) => void): () => void {
    const own = (news: HostNews): void => listener(news);
    this.#listeners.add(own);
    return () => void this.#listeners.delete(own);
  }

  close(): void {
    this.#listeners.clear();
    this.#channel.close();
  }

  /** A listener's fault (an app's progress bar) is the app's to see, and stops no other listener. */
  #tell(listener: (news: HostNews) => void, news: HostNews): void {
    try {
      listener(news);
    } catch (thrown) {
      queueMicrotask(() => {
        throw thrown;
      });
    }
  }
}
