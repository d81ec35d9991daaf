import { uncompress } from "snappyjs";
import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";

/** @throws MODEL_MALFORMED for what is no Snappy, or says that it is longer than a block may be */
export function unsnap(compressed: Uint8Array<ArrayBuffer>, what: string): Uint8Array<ArrayBuffer> {
  try {
    return uncompress(compressed, LIMITS.variablesBlockBytes);
  } catch (cause) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is damaged: a block of it does not expand (${cause instanceof Error ? cause.message : String(cause)}).`, { cause });
  }
}
