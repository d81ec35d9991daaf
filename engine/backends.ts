import { backend, enableProdMode, engine, findBackendFactory, getBackend, registerBackend, removeBackend, setBackend, type KernelBackend } from "@tensorflow/tfjs-core";
import { AshoreError } from "../protocol/errors.ts";
import type { Backend } from "../protocol/manifest.ts";

/** Told when a backend dies by itself: whatever is on it is lost. */
export type LoseBackend = (reason: AshoreError) => void;

/** How a realm comes to compute with one backend of TF.js. */
export interface BackendProvider {
  readonly name: Backend;
  /** True where reading a tensor gives memory of its own; false where it may be the tensor's, a weight's included. */
  readonly readsAreFresh: boolean;
  /**
   * Prepares what the backend needs, calls `select` (TF.js's `setBackend`), and says whether that succeeded. A backend that can
   * die while nothing computes calls `lose` then.
   */
  start(select: () => Promise<boolean>, lose: LoseBackend): Promise<boolean>;
  /** Ends what a backend that is let go has running, without a call into its memory. */
  readonly release?: ((dead: KernelBackend) => void) | undefined;
  /** Where tensors lie on a device apart. */
  readonly onDevice?: OnDevice | undefined;
}

/**
 * Computes on a device that answers later and throws nothing: `submit` hands it the work, `read` starts reading what came of it.
 * Rejects with what went wrong on the device meanwhile, were the values read never so good.
 */
export type OnDevice = <T, R>(submit: () => T | Promise<T>, read: (submitted: T) => Promise<R>) => Promise<R>;

/** What TF.js has started under this name in this realm, if anything. */
export function startedBackend(name: Backend): KernelBackend | undefined {
  return engine().registry[name];
}

/** True when the realm computes with this backend now. TF.js keeps the name of one that failed to start. */
export function isCurrent(name: Backend): boolean {
  return getBackend() === name && startedBackend(name) !== undefined;
}

/**
 * Makes a backend the realm's, and proves it: TF.js, asked for one that does not start, goes on with another. `lose` is called
 * if the backend that this call starts dies by itself later.
 * @throws BACKEND_UNAVAILABLE
 */
export async function useBackend(provider: BackendProvider, lose: LoseBackend = () => {}): Promise<void> {
  const { name } = provider;
  if (isCurrent(name)) return;
  // TF.js's production mode: its greetings and warnings stay out of the console, its checks of inputs stay in.
  enableProdMode();
  const select = (): Promise<boolean> => setBackend(name);
  let cause: unknown;
  try {
    if (await (startedBackend(name) !== undefined ? select() : provider.start(select, lose))) {
      backend();
      if (isCurrent(name)) return;
    }
  } catch (thrown) {
    if (thrown instanceof AshoreError && thrown.code === "BACKEND_UNAVAILABLE") throw thrown;
    cause = thrown;
  }
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  throw new AshoreError("BACKEND_UNAVAILABLE", `The ${name} backend does not start here${why}. Restrict \`backends\` to those that this device has.`, { cause });
}

/**
 * Lets a crashed backend go, memory and all, without touching it: whatever was on it is lost, and the next use starts a fresh
 * one.
 */
export function abandonBackend({ name, release }: Pick<BackendProvider, "name" | "release">): void {
  const factory = findBackendFactory(name);
  if (factory === null) return;
  const dead = startedBackend(name);
  // Taken out first, because TF.js would call into the crashed module to dispose it.
  delete engine().registry[name];
  removeBackend(name);
  registerBackend(name, factory);
  if (dead !== undefined) release?.(dead);
}
