import type { WireError } from "../../protocol/errors.ts";
import type { PreparedImage } from "../../protocol/image/preprocess-image.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";

/** One image for the thread, which answers it before it takes another. */
export interface ToImageThread {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly how: Preprocess;
}

export type FromImageThread = { readonly type: "prepared"; readonly image: PreparedImage } | { readonly type: "failed"; readonly error: WireError };
