import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { TargetInfo } from "../../protocol/serving-config.ts";
import type { FoundTarget } from "../../protocol/tuf/index.ts";
import type { WithSignal } from "../ports.ts";
import { createUpdater, type Updater, type UpdaterOptions } from "./updater.ts";

export interface TrustOptions extends Omit<UpdaterOptions, "metadataUrl" | "targetsUrl"> {
  /** The server's base URL; metadata lies under `/metadata/`, targets under `/targets/`. */
  readonly server: string;
}

/** A target as its role signed for it. */
export interface TrustedTarget extends TargetInfo {
  readonly path: string;
  /** The role's own words about it, `{}` where there are none. */
  readonly custom: Readonly<Record<string, unknown>>;
  readonly role: string;
  /** The version of the metadata that named it: of two statements of a role the higher is newer. */
  readonly roleVersion: number;
}

/** Targets are manifests and serving configs. */
const LARGEST_TARGET = Math.max(LIMITS.manifestBytes, LIMITS.servingConfigBytes);

/** What a device trusts of one server (DESIGN section 4.4): an {@link Updater} whose targets have a SHA-256 each. */
export interface Trust extends Pick<Updater, "load" | "poll"> {
  /** As {@link Updater.find}. @throws METADATA_MALFORMED for a target without a SHA-256 */
  find(path: string, options?: WithSignal): Promise<TrustedTarget | undefined>;
  /** Every target under a folder (`"serving/"`, `"models/digits/"`), each as `find` gives it, sorted by path. */
  list(folder: string, options?: WithSignal): Promise<readonly TrustedTarget[]>;
  /** A target's bytes from the server, verified. @throws LIMIT_EXCEEDED for one that is said to be larger than any may be, SIZE_MISMATCH, DIGEST_MISMATCH, and what a download throws */
  fetchTarget(target: Pick<TrustedTarget, "path" | "sha256" | "length">, options?: WithSignal): Promise<Uint8Array<ArrayBuffer>>;
}

export function createTrust({ server, ...options }: TrustOptions): Trust {
  const base = server.replace(/\/+$/, "");
  const updater = createUpdater({ ahead: true, ...options, metadataUrl: `${base}/metadata`, targetsUrl: `${base}/targets` });
  return {
    load: (given) => updater.load(given),
    poll: (given) => updater.poll(given),
    find: async (path, given) => {
      const found = await updater.find(path, given);
      return found && trustedTarget(found);
    },
    list: async (folder, given) => (await updater.list(folder, given)).map(trustedTarget),
    fetchTarget: async ({ path, sha256, length }, given) => {
      if (length > LARGEST_TARGET) throw new AshoreError("LIMIT_EXCEEDED", `${path} is said to have ${length} bytes; no target of Ashore has more than ${LARGEST_TARGET}.`);
      return updater.fetchTarget(path, { length, hashes: new Map([["sha256", sha256]]) }, given);
    },
  };
}

function trustedTarget({ path, file, role, roleVersion }: FoundTarget): TrustedTarget {
  const sha256 = file.hashes.get("sha256");
  if (sha256 === undefined) throw new AshoreError("METADATA_MALFORMED", `The role "${role}" signed for ${path} without a SHA-256, which every target of Ashore has.`);
  return { path, sha256, length: file.length, custom: file.custom ?? {}, role, roleVersion };
}
