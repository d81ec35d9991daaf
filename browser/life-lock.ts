import { asAshoreError } from "../protocol/errors.ts";

type Locks = Pick<LockManager, "request">;

/**
 * Holds a Web Lock of a fresh name for as long as this worker lives, and answers the name once the lock is held: who waits for
 * it hears of this worker's death, which tells nobody otherwise.
 * @throws WORKER_FAILED where locks are refused (a sandboxed frame)
 */
export async function holdLifeLock(locks: Locks = navigator.locks): Promise<string> {
  const name = `ashore-life:${crypto.randomUUID()}`;
  await holdForLife(name, "exclusive", locks);
  return name;
}

/** Holds a Web Lock of that name, as others may too, for as long as this worker lives: a sign to who looks. @throws WORKER_FAILED */
export async function holdSign(name: string, locks: Locks = navigator.locks): Promise<void> {
  await holdForLife(name, "shared", locks);
}

async function holdForLife(name: string, mode: LockMode, locks: Locks): Promise<void> {
  await new Promise<void>((held, refused) => {
    const forLife = (): Promise<never> => {
      held();
      return new Promise(() => undefined);
    };
    locks.request(name, { mode }, forLife).catch((thrown: unknown) => refused(asAshoreError(thrown, "WORKER_FAILED")));
  });
}
