import { join } from "node:path";
import lockfile from "proper-lockfile";
import { AshoreError } from "../../protocol/errors.ts";
import type { Clock, WithSignal } from "../ports.ts";

/** A lock whose holder does not touch it for this long is taken from it: its process is gone. */
const STALE_MS = 10_000;
const RETRY_MS = 50;
/** A signing takes milliseconds; the longest wait is for a stale lock, and then for those who waited before. */
const PATIENCE_MS = 3 * STALE_MS;

export interface HeldLock {
  /** @throws STORE_LOCKED when another process has taken the lock away (this one stood still for too long) */
  assertHeld(): void;
}

/**
 * Runs `work` while no other process signs in that folder; the lock is held for that long and no longer.
 * @throws STORE_LOCKED after half a minute of waiting, CANCELLED
 */
export async function withSignerLock<T>(dataDir: string, clock: Clock, work: (lock: HeldLock) => Promise<T>, options: WithSignal = {}): Promise<T> {
  let compromised: Error | undefined;
  const release = await acquire(dataDir, clock, options, (error) => (compromised = error));
  try {
    return await work({
      assertHeld: () => {
        if (compromised !== undefined) throw new AshoreError("STORE_LOCKED", `Another process took over the signing in ${dataDir}, as this one stood still for more than ${STALE_MS / 1000} s. Nothing was published; try again.`, { cause: compromised });
      },
    });
  } finally {
    // A lock that was taken away is not ours to release.
    if (compromised === undefined) await release().catch(() => undefined);
  }
}

async function acquire(dataDir: string, clock: Clock, options: WithSignal, onCompromised: (error: Error) => void): Promise<() => Promise<void>> {
  const started = clock.now();
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      return await lockfile.lock(dataDir, { lockfilePath: join(dataDir, "signer.lock"), stale: STALE_MS, onCompromised });
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "ELOCKED")) {
        throw new AshoreError("STORE_FAILED", `The lock of ${dataDir} cannot be taken: ${cause instanceof Error ? cause.message : String(cause)}. Look at the folder's rights and space.`, { cause });
      }
      if (clock.now() - started > PATIENCE_MS) throw new AshoreError("STORE_LOCKED", `Another process has been signing in ${dataDir} for ${PATIENCE_MS / 1000} s. If there is none, remove ${join(dataDir, "signer.lock")}.`, { cause });
    }
    await clock.sleep(RETRY_MS, options);
  }
}
