import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { checkHashes, covers, metadataFileName, parseMetadata, verifyThreshold, type Delegation } from "../protocol/tuf/index.ts";
import type { Clock, FetchPort, RecordStore, WithSignal } from "../runtime/ports.ts";
import { createTrust, download, type TrustNews } from "../runtime/trust/index.ts";
import type { PublisherRole } from "../sync-server/publish/index.ts";

export interface PublishedRolesOptions {
  /** The server's base URL, without a slash at its end. */
  readonly server: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  /** Where trust is kept between two publishes, so that nothing older is taken for current. */
  readonly store: RecordStore;
  /** The root metadata to start from; without it the server's first root is pinned. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  readonly onNews?: ((news: TrustNews) => void) | undefined;
}

/**
 * Reads who signs for a path on a server and what they signed last, as a device proves it. A role that has expired is read all
 * the same: its publisher is about to sign it again.
 */
export function createPublishedRoles({ server, fetch, clock, store, root, onNews }: PublishedRolesOptions): (path: string, options?: WithSignal) => Promise<PublisherRole> {
  const trust = createTrust({ server, fetch, clock, store, root });

  return async (path, { signal } = {}) => {
    const news = await trust.poll({ signal });
    onNews?.(news);
    const targets = parseMetadata("targets", await proved("targets"), "The targets metadata");
    const snapshot = parseMetadata("snapshot", await proved("snapshot"), "The snapshot metadata");
    const { keys, roles } = targets.signed.delegations;
    const delegation = await firstCovering(roles, path);
    if (delegation === undefined) throw new AshoreError("NOT_FOUND", `Nobody may sign for ${path} on ${server}. Who runs it lets you with "ashore keys delegate".`);
    const { name: role } = delegation;
    const named = snapshot.signed.roles.get(role);
    if (named === undefined) return { role, signers: delegation, metadata: undefined };
    const what = `The metadata of "${role}"`;
    const { bytes } = await download(fetch, `${server}/metadata/${metadataFileName(role, named.version)}`, { clock, maxBytes: Math.min(named.length ?? LIMITS.targetsBytes, LIMITS.targetsBytes), signal });
    await checkHashes(bytes, named, what);
    const metadata = parseMetadata("targets", bytes, what);
    await verifyThreshold(metadata, delegation, keys, what);
    if (metadata.signed.version !== named.version) throw new AshoreError("METADATA_MISMATCH", `${what} is version ${metadata.signed.version} where the snapshot names ${named.version}.`);
    return { role, signers: delegation, metadata };
  };

  /** What the poll proved and stored. */
  async function proved(role: string): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await store.read(metadataFileName(role));
    if (bytes === undefined) throw new AshoreError("STORE_CORRUPT", `The ${role} metadata of ${server} was stored a moment ago and is gone; does another program write there?`);
    return bytes;
  }
}

/** The first role that covers a path has the say over it, as each of a publisher's delegations is terminating. */
async function firstCovering(roles: readonly Delegation[], path: string): Promise<Delegation | undefined> {
  for (const delegation of roles) if (await covers(delegation, path)) return delegation;
  return undefined;
}
