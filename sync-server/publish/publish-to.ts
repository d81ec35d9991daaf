import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import type { Digest } from "../../protocol/digest.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { Metadata, RoleKeys, Targets } from "../../protocol/tuf/index.ts";
import type { Clock, EngineHost, WithSignal } from "../ports.ts";
import { isDue, LIFETIMES } from "../sign/lifetimes.ts";
import { PUBLISHER_PREFIX, requestDelegatedRole, signDelegatedRole, signedDelegatedRole, signRequest, type SigningKey, type SigningRequest } from "../sign/index.ts";
import { openProposer } from "./propose-version.ts";
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

export type PublishToRequest = Pick<PublishRequest, "source" | "model" | "version" | "minVersion" | "serving" | "savedModelTags" | "allowNonFinite">;

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

async function publish(request: PublishToRequest, ports: PublishToPorts, options: PublishOptions): Promise<SentResult> {
  const { server, clock, keys } = ports;
  const { model, version } = request;
  const proposer = await openProposer(request, ports, options);
  for (let attempt = 0; attempt < LIMITS.signAttempts; attempt++) {
    let signing: readonly SigningKey[] = [];
    const { role, metadata, targets, target, isBound, isSaid } = await proposer.next((found) => {
      signing = signersAmong(keys, found, model);
    });
    options.onProgress?.({ phase: "sign", bytes: 0, totalBytes: 0 });
    // What is signed already goes once more: an earlier run may have ended before the server offered it.
    const isGood = isSaid && metadata !== undefined && !isDue(metadata.signed.expires, LIFETIMES.publisher, clock.now());
    const bytes = isGood ? metadata.bytes : await signDelegatedRole({ role, previous: metadata, targets, keys: signing, clock });
    try {
      const { offered } = await server.putRole(role, bytes, options);
      const notes = [...proposer.notes(), ...revertedNote(offered, version)];
      return { outcome: isBound ? "unchanged" : "published", manifest: { sha256: target.sha256, length: target.length }, notes, blobs: proposer.blobs };
    } catch (thrown) {
      if (!(thrown instanceof AshoreError && thrown.code === "ALREADY_EXISTS")) throw thrown;
      // The other publisher's metadata is published a moment after the server took it.
      await clock.sleep(LIMITS.retryBaseMs, options);
    }
  }
  throw new AshoreError("ABORTED", `Others published for ${model} ${LIMITS.signAttempts} times while this version was being signed; try again.`);
}

export interface PreparedPublish extends Omit<SentResult, "outcome"> {
  /** What is to be signed, with the signatures of the keys at hand; undefined where the version is published already. */
  readonly request: SigningRequest | undefined;
}

/**
 * Publishing where the keys are in several places: sends everything of the version but the signature, and answers what is to be
 * signed. Enough signatures added, {@link publishSigned} publishes it, unless the role has moved on meanwhile.
 * @throws as {@link publishTo}, but for keys
 */
export async function preparePublish(request: PublishToRequest, ports: PublishToPorts, options: PublishOptions = {}): Promise<PreparedPublish> {
  try {
    const proposer = await openProposer(request, ports, options);
    const { role, signers, metadata, targets, target, isSaid } = await proposer.next((found) => assertDelegated(found, request.model));
    const unsigned = isSaid ? undefined : requestDelegatedRole({ role, previous: metadata, targets, clock: ports.clock }, signers);
    return {
      request: unsigned === undefined ? undefined : (await signRequest(unsigned, ports.keys)).request,
      manifest: { sha256: target.sha256, length: target.length },
      notes: proposer.notes(),
      blobs: proposer.blobs,
    };
  } catch (thrown) {
    throw asAshoreError(thrown);
  }
}

/**
 * Publishes what {@link preparePublish} prepared and enough keys signed.
 * @throws KEY_MISSING while it lacks signatures; ABORTED where the role has moved on: prepare again; USAGE; what the upload throws
 */
export async function publishSigned(request: SigningRequest, server: Pick<PublishServer, "putRole">, options: WithSignal = {}): Promise<{ readonly role: string; readonly offered: readonly Version[] }> {
  const { role, bytes } = signedDelegatedRole(request);
  try {
    return { role, offered: (await server.putRole(role, bytes, options)).offered };
  } catch (thrown) {
    const error = asAshoreError(thrown);
    if (error.code !== "ALREADY_EXISTS") throw error;
    throw new AshoreError("ABORTED", `Somebody else signed for "${role}" since this was prepared, and what is signed here does not say what they published. Prepare it again, and have it signed again.`, { cause: error });
  }
}

function revertedNote(offered: readonly Version[], version: Version): readonly string[] {
  return offered.includes(version) ? [] : [`The server does not offer version ${version} to devices: it was reverted there.`];
}

function signersAmong(keys: readonly SigningKey[], found: PublisherRole, model: ModelName): readonly SigningKey[] {
  assertDelegated(found, model);
  const { role, signers: { keyids, threshold } } = found;
  const signing = keys.filter(({ keyid }) => keyids.includes(keyid));
  if (signing.length >= threshold) return signing;
  throw new AshoreError("KEY_MISSING", `"${role}" needs ${threshold === 1 ? "the signature of one" : `${threshold} signatures`} of the keys ${keyids.map((keyid) => keyid.slice(0, 12)).join(", ")}, and the folder of keys holds ${signing.length === 0 ? "none of them" : `${signing.length}`}. Name the folder by --keys, or have it signed in several places: --prepare FILE.`);
}

function assertDelegated({ role }: PublisherRole, model: ModelName): void {
  if (role === `${PUBLISHER_PREFIX}${model}`) return;
  throw new AshoreError("NOT_FOUND", `On that server ${model} is signed for by "${role}", whose keys are the server's. Who runs it lets you sign with: ashore keys delegate ${model} --key PUBLIC.json`);
}
