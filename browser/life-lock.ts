import { asAshoreError } from "../protocol/errors.ts";

/**
 * Holds a Web Lock of a fresh name for as long as this worker lives, and answers the name once the lock is held: who waits for
 * it hears of this worker's death, which tells nobody otherwise.
 * @throws WORKER_FAILED where locks are refused (a sandboxed frame)
 */
export async function holdLifeLock(locks: Pick<LockManager, "request"> = navigator.locks): Promise<string> {
  const name = `ashore-life:${crypto.randomUUID()}`;
  await new Promise<void>((held, refused) => {
    const forLife = (): Promise<never> => {
      held();
      return new Promise(() => undefined);
    };
    locks.request(name, forLife).catch((thrown: unknown) => refused(asAshoreError(thrown, "WORKER_FAILED")));
  });
  return name;
}
