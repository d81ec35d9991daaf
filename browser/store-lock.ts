import { AshoreError, asAshoreError } from "../protocol/errors.ts";
import type { WithSignal } from "../runtime/ports.ts";
import { refuseAborted } from "../runtime/sync/abort.ts";

export interface StoreLock {
  /** Lets another have the store; resolves when it can. */
  release(): Promise<void>;
}

export interface HoldStoreLockOptions extends WithSignal {
  readonly locks: Pick<LockManager, "request">;
  readonly name: string;
  /** Where another holds the lock: wait for it, or answer undefined at once. */
  readonly lock: "wait" | "if-available";
  /** Other code of the origin took the lock from us. */
  readonly onLost: (error: AshoreError) => void;
}

/**
 * Takes a store for this worker alone, by a Web Lock that ends with the worker at the latest.
 * @throws CANCELLED; STORE_FAILED where the browser refuses locks (a sandboxed frame)
 */
export async function holdStoreLock({ locks, name, lock, onLost, signal }: HoldStoreLockOptions): Promise<StoreLock | undefined> {
  refuseAborted({ signal });
  const how: LockOptions = lock === "if-available" ? { ifAvailable: true } : { ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    let isHeld = false;
    const hold = (granted: Lock | null): Promise<void> | undefined => {
      if (granted === null) {
        resolve(undefined);
        return undefined;
      }
      isHeld = true;
      return new Promise((free) => {
        resolve({
          release: () => {
            free();
            return ended;
          },
        });
      });
    };
    const ended = locks.request(name, how, hold).then(nothing, (thrown: unknown) => {
      if (isHeld) onLost(new AshoreError("STORE_LOCKED", `Other code of this site took the lock ${name} from this worker, so that two may write to one store now. Close all pages of this site, and open one.`, { cause: thrown }));
      else reject(asAshoreError(thrown, "STORE_FAILED"));
    });
  });
}

function nothing(): void {}
