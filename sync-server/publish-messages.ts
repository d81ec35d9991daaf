import type { WireError } from "../protocol/errors.ts";
import type { BuildProgress, PublishRequest, PublishResult } from "./publish/index.ts";

/** What a publish thread is started with. */
export interface PublishThreadData {
  /** The data folder: keys, metadata, blobs. */
  readonly dataDir: string;
  readonly request: PublishRequest;
}

export type FromPublishThread =
  | { readonly type: "progress"; readonly progress: BuildProgress }
  | { readonly type: "done"; readonly result: PublishResult }
  | { readonly type: "failed"; readonly error: WireError };

/** The only message to the thread: end what is under way, and leave no lock behind. */
export const CANCEL = "cancel";
