import { AshoreError } from "../protocol/errors.ts";

export type Estimate = () => Promise<StorageEstimate>;

/** What the browser says of this origin's storage; nothing where it does not say. */
const estimateOfOrigin: Estimate = async () => (await navigator.storage?.estimate()) ?? {};

export interface StoreErrorOptions {
  /** Bytes that were to be written. */
  readonly needed?: number | undefined;
  readonly estimate?: Estimate | undefined;
}

/**
 * What a browser's storage threw at `attempt` (as "keep the blob x"): STORE_FULL, with the figures that the browser tells, or
 * STORE_FAILED. An `AbortError` is a transaction's there, not a caller's.
 */
export async function storeError(thrown: unknown, attempt: string, { needed, estimate = estimateOfOrigin }: StoreErrorOptions = {}): Promise<AshoreError> {
  if (thrown instanceof AshoreError) return thrown;
  if (isQuota(thrown)) {
    const size = needed === undefined ? "" : ` (${needed} bytes)`;
    return new AshoreError("STORE_FULL", `The browser has no room to ${attempt}${size}: ${await figures(estimate)}. Remove models that are not needed, or free space on this device.`, { cause: thrown });
  }
  const why = thrown instanceof Error ? thrown.message : "it broke the transaction off";
  return new AshoreError("STORE_FAILED", `The browser could not ${attempt}: ${why.replace(/\.$/, "")}. If this goes on, clear the data of this site.`, { cause: thrown });
}

/** A `DOMException` by its name: browsers are giving the error a class of its own. */
export function isQuota(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "QuotaExceededError";
}

async function figures(estimate: Estimate): Promise<string> {
  const { usage, quota } = await estimate().catch((): StorageEstimate => ({}));
  if (usage === undefined || quota === undefined) return "it does not say how much there is";
  return `this site uses ${usage} of the ${quota} bytes that it says there are, and it may refuse before`;
}
