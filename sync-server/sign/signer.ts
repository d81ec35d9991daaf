import { AshoreError } from "../../protocol/errors.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";

export interface WithSignal {
  readonly signal?: AbortSignal | undefined;
}

export interface SignerClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves after `ms` milliseconds; rejects with the signal's reason when it is aborted. */
  sleep(ms: number, options?: WithSignal): Promise<void>;
}

export interface SignerOptions {
  /** The folder that holds `keys/` and `metadata/` (`--data`). */
  readonly dataDir: string;
  readonly clock: SignerClock;
  /** How long each role's metadata is good for, in milliseconds; defaults in `lifetimes.ts`. */
  readonly lifetimes?: Readonly<Record<string, number>>;
}

export interface SignedTarget extends TargetInfo {
  /** Signed beside it, ASCII keys and safe integers only. */
  readonly custom?: Readonly<Record<string, unknown>>;
}

export interface RoleState {
  readonly version: number;
  readonly targets: ReadonlyMap<string, SignedTarget>;
}

/** What the metadata on disk says now. */
export interface SignedState {
  readonly versions: { readonly root: number; readonly timestamp: number; readonly snapshot: number };
  /** `publisher`, `serving`, `targets` and every other delegated role, with their targets by path. */
  readonly roles: ReadonlyMap<string, RoleState>;
}

/** The targets of each role, to be changed in place. */
export interface Draft {
  /** @throws KEY_MISSING where this folder cannot sign for the role */
  targets(role: string): Map<string, SignedTarget>;
}

export interface Signer {
  /** Reads the metadata on disk and proves it, each time: another process may have signed. */
  read(options?: WithSignal): Promise<SignedState>;
  /**
   * Applies `change` to what is signed now, under the lock of the folder, and signs what it changed. Resolves when it is
   * durable. A `change` that throws changes nothing.
   */
  update(change: (draft: Draft) => void, options?: WithSignal): Promise<{ readonly changed: boolean; readonly state: SignedState }>;
  /** Signs again what is past half of its life. */
  renewIfDue(options?: WithSignal): Promise<{ readonly changed: boolean }>;
}

/** Opens the repository of a folder, and makes its first metadata where there is none. @throws KEY_MISSING, STORE_CORRUPT, STORE_LOCKED */
export async function openSigner(options: SignerOptions): Promise<Signer> {
  throw new AshoreError("UNIMPLEMENTED", `The signer of ${options.dataDir} is being built.`);
}
