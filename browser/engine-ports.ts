import type { Clock } from "../runtime/ports.ts";

/** What engines apart need of their browser, as narrow as can be. */

/** As a `MessagePort`. */
export interface EnginePort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message" | "messageerror", listener: (event: { readonly data: unknown }) => void): void;
  start(): void;
  close(): void;
}

/** As `navigator.locks`. */
export interface WaitableLocks {
  request(name: string, options: { readonly mode: "shared"; readonly signal: AbortSignal }, granted: () => void): Promise<unknown>;
}

/** As `navigator.locks`. */
export interface VisibleLocks {
  query(): Promise<{ readonly held?: readonly { readonly name?: string }[] }>;
}

export interface EnginePlace {
  readonly locks: WaitableLocks;
  readonly clock: Clock;
}

export async function isHeld(locks: VisibleLocks, name: string): Promise<boolean> {
  const { held = [] } = await locks.query();
  return held.some((lock) => lock.name === name);
}

/** Resolves when whoever holds that Web Lock while it lives is dead; true, or false if `signal` ended the wait. */
export async function hearDeath(locks: WaitableLocks, life: string, signal: AbortSignal): Promise<boolean> {
  try {
    await locks.request(life, { mode: "shared", signal }, () => undefined);
    return true;
  } catch {
    // A realm that is being torn down refuses locks too; then there is nobody to tell.
    return !signal.aborted;
  }
}
