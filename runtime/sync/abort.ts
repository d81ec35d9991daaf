import { asAshoreError } from "../../protocol/errors.ts";
import type { WithSignal } from "../ports.ts";

/** @throws CANCELLED (or DEADLINE_EXCEEDED, for a timeout signal) where the signal is aborted already */
export function refuseAborted({ signal }: WithSignal = {}): void {
  if (signal?.aborted) throw asAshoreError(signal.reason, "CANCELLED");
}
