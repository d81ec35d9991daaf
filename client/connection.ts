import type { Pixels } from "../protocol/image/pixels.ts";
import type { News } from "./news.ts";
import type { Asker } from "./rounds.ts";
import type { ImageSource } from "./types.ts";

/** What the functions of a model share. */
export interface Connection {
  readonly asker: Asker;
  readonly news: News;
  /** Resolves when the page's files are kept for offline, or could not be. */
  readonly siteKept: Promise<void>;
  /** Rejects for what is no image. */
  readonly readPixels: (source: ImageSource) => Promise<Pixels>;
  /** Aborted by `close()`, with CANCELLED. */
  readonly closing: AbortSignal;
}
