import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { ModelName } from "../../protocol/names.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { manifestPath } from "../../protocol/serving-config.ts";
import type { Metadata, RoleKeys, Targets } from "../../protocol/tuf/index.ts";
import type { Clock, EngineHost, WithSignal } from "../ports.ts";
import { importModel, type ImportedModel } from "../import/index.ts";
import { targetsOf } from "../sign/compose.ts";
import { isDue, LIFETIMES } from "../sign/lifetimes.ts";
import { PUBLISHER_PREFIX, signDelegatedRole, type SignedTarget, type SigningKey } from "../sign/index.ts";
import { blobPath, targetPath } from "../storage/index.ts";
import { assertMinVersion, boundTarget, nextTarget } from "./bound-target.ts";
import { buildVersion, type BuiltVersion } from "./build-version.ts";
import type { PublishOptions, PublishRequest, PublishResult } from "./publish-version.ts";
import type { ReceivedRole } from "./receive-role.ts";

/** The role that has the say over a path on a server, as a device that updated just now would trust it. */
export interface PublisherRole {
  readonly role: string;
  readonly signers: RoleKeys;
  /** Undefined where the role has signed nothing yet. */
  readonly metadata: Metadata<Targets> | undefined;
}

/** A server, to a publisher: what it says is proved as a device would, what it is sent it proves itself. */
export interface PublishServer {
  /** Updates, as a device does. @throws NOT_FOUND where nobody may sign for the path, and what an update throws */
  roleFor(path: string, options?: WithSignal): Promise<PublisherRole>;
  /** Whether the server holds a blob already. */
  hasBlob(digest: Digest, size: number, options?: WithSignal): Promise<boolean>;
  /** Puts immutable bytes in place, under `blobs/sha256/` or `targets/`. */
  put(path: string, bytes: Uint8Array<ArrayBuffer>, options?: WithSignal): Promise<void>;
  /** Publishes a role's metadata. @throws ALREADY_EXISTS where it is not the one after the current; VERSION_REBOUND; others */
  putRole(role: string, bytes: Uint8Array<ArrayBuffer>, options?: WithSignal): Promise<Pick<ReceivedRole, "offered">>;
}

export interface PublishToPorts {
  readonly server: PublishServer;
  /** Where the self-test runs. */
  readonly engine: EngineHost;
  readonly clock: Clock;
  /** The publisher's keys; those that the server's delegation names sign. */
  readonly keys: readonly SigningKey[];
}

export interface SentResult extends PublishResult {
  /** Blobs that went over the wire, and those that the server held already. */
  readonly blobs: { readonly sent: number; readonly sentBytes: number; readonly held: number };
}

export type PublishToRequest = Pick<PublishRequest, "source" | "model" | "version" | "minVersion" | "allowNonFinite">;

/**
 * Publishes one version to a server that has none of the keys: takes in what is published there as a device does, builds the
 * version here, sends what the server lacks, and last the role's next metadata, signed here. Where another publisher of the role
 * was faster, its metadata is taken in and signed on top of. What was sent stays sent: after an end at any point the next run
 * goes on from there. The same source under the same version again publishes nothing, and renews a signature past half its life.
 * @throws VERSION_REBOUND for other bytes under a published version; NOT_FOUND where nothing was delegated for the model;
 * KEY_MISSING, KEY_LOCKED; UNAUTHENTICATED, PERMISSION_DENIED for the token; ABORTED where others sign without end; what the
 * import, the build, the update and the upload throw
 */
export async function publishTo(request: PublishToRequest, ports: PublishToPorts, options: PublishOptions = {}): Promise<SentResult> {
  try {
    return await publish(request, ports, options);
  } catch (thrown) {
    throw asAshoreError(thrown);
  }
}

async function publish(request: PublishToRequest, { server, engine, clock, keys }: PublishToPorts, options: PublishOptions): Promise<SentResult> {
  const { model, version, minVersion } = request;
  assertMinVersion(model, version, minVersion);
  options.onProgress?.({ phase: "import", bytes: 0, totalBytes: 0 });
  const imported = await importModel(request.source, options);
  const { sourceDigest } = imported;
  const path = manifestPath(model, version);
  const blobs = { sent: 0, sentBytes: 0, held: 0 };
  let built: BuiltVersion | undefined;
  for (let attempt = 0; attempt < LIMITS.signAttempts; attempt++) {
    const { role, signers, metadata } = await server.roleFor(path, options);
    const signing = signersAmong(keys, role, signers, model);
    const targets = metadata === undefined ? new Map<string, SignedTarget>() : targetsOf(metadata.signed);
    const bound = boundTarget(targets.get(path), { model, version, sourceDigest });
    if (bound === undefined) built ??= await send(imported);
    const { target, changed } = nextTarget(bound, bound ?? built?.target ?? unbuilt(), sourceDigest, minVersion);
    options.onProgress?.({ phase: "sign", bytes: 0, totalBytes: 0 });
    // What is signed already goes once more: an earlier run may have ended before the server offered it.
    const renewed = metadata === undefined || changed || isDue(metadata.signed.expires, LIFETIMES.publisher, clock.now());
    const bytes = renewed ? await signDelegatedRole({ role, previous: metadata, targets: targets.set(path, target), keys: signing, clock }) : metadata.bytes;
    try {
      const { offered } = await server.putRole(role, bytes, options);
      const notes = [...(built?.notes ?? []), ...(offered.includes(version) ? [] : [`The server does not offer version ${version} to devices: it was reverted there.`])];
      return { outcome: bound === undefined ? "published" : "unchanged", manifest: { sha256: target.sha256, length: target.length }, notes, blobs };
    } catch (thrown) {
      if (!(thrown instanceof AshoreError && thrown.code === "ALREADY_EXISTS")) throw thrown;
      // The other publisher's metadata is published a moment after the server took it.
      await clock.sleep(LIMITS.retryBaseMs, options);
    }
  }
  throw new AshoreError("ABORTED", `Others published for ${model} ${LIMITS.signAttempts} times while this version was being signed; try again.`);

  /** Everything of the version but its signature, on the server. */
  async function send(from: ImportedModel): Promise<BuiltVersion> {
    const putBlob = async (digest: Digest, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
      if (await server.hasBlob(digest, bytes.byteLength, options)) {
        blobs.held += 1;
        return;
      }
      await server.put(blobPath(digest), bytes, options);
      blobs.sent += 1;
      blobs.sentBytes += bytes.byteLength;
    };
    const version = await buildVersion(from, { engine, clock, putBlob }, { ...options, ...request });
    await server.put(targetPath(path, version.target.sha256), version.bytes, options);
    return version;
  }
}

function signersAmong(keys: readonly SigningKey[], role: string, { keyids, threshold }: RoleKeys, model: ModelName): readonly SigningKey[] {
  if (role !== `${PUBLISHER_PREFIX}${model}`) {
    throw new AshoreError("NOT_FOUND", `On that server ${model} is signed for by "${role}", whose keys are the server's. Who runs it lets you sign with: ashore keys delegate ${model} --key PUBLIC.json`);
  }
  const signing = keys.filter(({ keyid }) => keyids.includes(keyid));
  if (signing.length >= threshold) return signing;
  throw new AshoreError("KEY_MISSING", `"${role}" needs ${threshold === 1 ? "the signature of one" : `${threshold} signatures`} of the keys ${keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}, and the folder of keys holds ${signing.length === 0 ? "none of them" : `${signing.length}`}. Name the folder by --keys.`);
}

/** Only what is bound goes without being built. */
function unbuilt(): never {
  throw new AshoreError("INTERNAL", "A version is to be signed that was not built.");
}
