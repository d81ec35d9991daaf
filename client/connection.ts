import type { News } from "./news.ts";
import type { Asker } from "./rounds.ts";

/** What the functions of a model share. */
export interface Connection {
  readonly asker: Asker;
  readonly news: News;
  /** Resolves when the page's files are kept for offline, or could not be. */
  readonly siteKept: Promise<void>;
  /** Aborted by `close()`, with CANCELLED. */
  readonly closing: AbortSignal;
}
