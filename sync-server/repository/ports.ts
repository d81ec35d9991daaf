import type { AshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";
import type { WithSignal } from "../ports.ts";

/** A model whose versions lie in `basePath/<version>/`. */
export interface WatchedModel {
  readonly name: ModelName;
  readonly basePath: string;
  /** Default `{ latest: 1 }`. */
  readonly policy?: VersionPolicy | undefined;
  readonly labels?: Readonly<Record<string, Version>> | undefined;
}

/** Where a watcher's findings go (`sync-server/publish`). */
export interface RepositoryPublisher {
  /** Imports and publishes one version that stood still. The same source again changes nothing. @throws AshoreError */
  publish(model: WatchedModel, version: Version, folder: string, options?: WithSignal): Promise<PublishedVersion>;
  /** Applies the model's settings, and takes out versions whose folders are gone while others stay. */
  reconcile(model: WatchedModel, present: ReadonlySet<Version>, options?: WithSignal): Promise<Reconciled>;
  /** Takes from devices what came from the repositories of all models but these. Answers whose. */
  retireOthers(watched: ReadonlySet<ModelName>, options?: WithSignal): Promise<readonly ModelName[]>;
}

export interface PublishedVersion {
  readonly outcome: "published" | "unchanged";
  /** What people should know, one sentence each. */
  readonly notes: readonly string[];
}

export interface Reconciled {
  /** Whether anything was signed. */
  readonly changed: boolean;
  readonly withdrawn: readonly Version[];
}

/** News of a repository; each distinct problem is told once, until it changes or passes. */
export type RepositoryEvent =
  | { readonly type: "published"; readonly model: ModelName; readonly version: Version; readonly outcome: PublishedVersion["outcome"]; readonly notes: readonly string[] }
  | { readonly type: "withdrawn"; readonly model: ModelName; readonly versions: readonly Version[] }
  | { readonly type: "configured"; readonly model: ModelName }
  | { readonly type: "retired"; readonly model: ModelName }
  | { readonly type: "problem"; readonly model: ModelName; readonly version?: Version; readonly error: AshoreError };

export interface RepositoryVersionStatus {
  readonly version: Version;
  readonly state: "settling" | "publishing" | "published" | "failed";
  /** Why it failed. */
  readonly error?: AshoreError;
}

export interface RepositoryStatus {
  /** Whether every version that the policy wants was published or failed; false before the first look. */
  readonly settled: boolean;
  /** What is wrong with the repository as a whole, if anything. */
  readonly problem?: AshoreError;
  /** The versions that the policy wants, highest first. */
  readonly versions: readonly RepositoryVersionStatus[];
}
