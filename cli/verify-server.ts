import * as v from "valibot";
import { digestOf, digestOfHex, verifyDigest, type Digest } from "../protocol/digest.ts";
import { canDecode, decode } from "../protocol/encoding/index.ts";
import { asAshoreError, AshoreError, type ErrorCode } from "../protocol/errors.ts";
import { parseGraphFile } from "../protocol/graph.ts";
import { LIMITS } from "../protocol/limits.ts";
import { CODECS, parseManifest, type EncodedBlob, type Encoding } from "../protocol/manifest.ts";
import { manifestPath, parseServingConfig, type ServingConfig } from "../protocol/serving-config.ts";
import { parseStrictJson } from "../protocol/strict-json.ts";
import { parseTensorIndex } from "../protocol/tensor-index.ts";
import type { Clock, FetchPort, RecordStore, WithSignal } from "../runtime/ports.ts";
import { memoryRecords } from "../runtime/store/index.ts";
import { blobsOf } from "../runtime/sync/index.ts";
import { expiryText, isOverdue } from "../sync-server/sign/index.ts";
import { createTrust, download, type Trust, type TrustedTarget } from "../runtime/trust/index.ts";

export interface VerifyOptions extends WithSignal {
  readonly server: string;
  readonly fetch: FetchPort;
  readonly clock: Clock;
  /** The root metadata to start from; without it the server's first root is taken on trust. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface Fault {
  /** What is wrong: a path, or a version. */
  readonly where: string;
  readonly code: ErrorCode;
  readonly message: string;
}

export interface VerifiedRole {
  readonly role: string;
  readonly version: number;
  readonly expires: string;
  readonly keyids: readonly string[];
}

export interface VerifiedVersion {
  readonly version: number;
  readonly digest: Digest;
  /** The role that signed the manifest. */
  readonly signedBy: string;
  readonly blobs: number;
  readonly encodings: number;
  /** Bytes downloaded for it, every encoding counted. */
  readonly bytes: number;
}

export interface VerifiedModel {
  readonly name: string;
  readonly signedBy: string;
  readonly policy: ServingConfig["policy"];
  readonly labels: ServingConfig["labels"];
  readonly versions: readonly VerifiedVersion[];
}

export interface VerifyReport {
  readonly server: string;
  /** The digest of the root that all of this hangs on, and whether the caller gave it. */
  readonly root: { readonly digest: Digest; readonly given: boolean };
  readonly roles: readonly VerifiedRole[];
  readonly models: readonly VerifiedModel[];
  readonly faults: readonly Fault[];
  /** Roles that should have been signed again, one sentence each; nothing is wrong with them yet. */
  readonly warnings: readonly string[];
  /** What could not be looked at and is not wrong, one sentence each. */
  readonly notes: readonly string[];
}

const roleSchema = v.object({
  signatures: v.array(v.object({ keyid: v.string() })),
  signed: v.object({ version: v.number(), expires: v.string() }),
});

/**
 * Takes everything that a server publishes as a device would, and more: every version, every blob, by every encoding. Faults
 * of one version do not hide those of another.
 * @throws what the trust chain throws: without it nothing can be proved
 */
export async function verifyServer(options: VerifyOptions): Promise<VerifyReport> {
  const { server, fetch, clock, root, signal, onProgress } = options;
  const { store, records } = recording(memoryRecords());
  const trust = createTrust({ server, fetch, clock, store, root });
  await trust.poll({ signal });
  const faults: Fault[] = [];
  const notes: string[] = [];
  const blobs = new BlobCheck(options, notes);
  const models: VerifiedModel[] = [];
  for (const target of await trust.list("serving/", { signal })) {
    onProgress?.(target.path);
    const model = await attempt(target.path, faults, () => verifyModel(trust, target, blobs, faults, options));
    if (model !== undefined) models.push(model);
  }
  const first = root ?? (await download(fetch, `${server}/metadata/1.root.json`, { maxBytes: LIMITS.rootBytes, clock, signal })).bytes;
  const roles = rolesOf(records);
  return { server, root: { digest: await digestOf(first), given: root !== undefined }, roles, models, faults, warnings: warningsOf(roles, clock.now()), notes };
}

async function verifyModel(trust: Trust, target: TrustedTarget, blobs: BlobCheck, faults: Fault[], { signal, onProgress }: VerifyOptions): Promise<VerifiedModel> {
  const config = parseServingConfig(await trust.fetchTarget(target, { signal }), target.path);
  if (target.path !== `serving/${config.model}.json`) throw new AshoreError("METADATA_MISMATCH", `${target.path} is the serving config of ${config.model}.`);
  const versions: VerifiedVersion[] = [];
  for (const { version, manifest } of config.versions) {
    const path = manifestPath(config.model, version);
    onProgress?.(`${config.model} ${version}`);
    const verified = await attempt(path, faults, async (): Promise<VerifiedVersion> => {
      const signed = await trust.find(path, { signal });
      if (signed === undefined) throw new AshoreError("TARGET_NOT_FOUND", `The serving config offers ${config.model} ${version}, for which no publisher signed.`);
      if (signed.sha256 !== manifest.sha256 || signed.length !== manifest.length) {
        throw new AshoreError("METADATA_MISMATCH", `The serving config offers other bytes for ${config.model} ${version} than ${signed.role} signed for.`);
      }
      const found = parseManifest(await trust.fetchTarget(signed, { signal }), path);
      if (found.model !== config.model || found.version !== version) throw new AshoreError("METADATA_MISMATCH", `${path} is the manifest of ${found.model} ${found.version}.`);
      const before = blobs.bytes;
      const all = blobsOf(found);
      for (const blob of all) await blobs.verify(blob);
      for (const { graph, index, shards } of found.variants) {
        parseGraphFile(await blobs.read(graph), `the graph of ${path}`);
        parseTensorIndex(await blobs.read(index), shards.map(({ size }) => size), `the tensor index of ${path}`);
      }
      return { version, digest: digestOfHex(manifest.sha256), signedBy: signed.role, blobs: all.length, encodings: all.reduce((sum, { encodings }) => sum + encodings.length, 0), bytes: blobs.bytes - before };
    });
    if (verified !== undefined) versions.push(verified);
  }
  return { name: config.model, signedBy: target.role, policy: config.policy, labels: config.labels, versions };
}

/** Fetches and decodes each blob by each of its encodings; a blob that versions share only once. */
class BlobCheck {
  readonly #options: VerifyOptions;
  readonly #notes: string[];
  readonly #verified = new Set<string>();
  bytes = 0;

  constructor(options: VerifyOptions, notes: string[]) {
    this.#options = options;
    this.#notes = notes;
  }

  async verify(blob: EncodedBlob): Promise<void> {
    for (const encoding of blob.encodings) {
      const key = `${blob.digest} ${encoding.digest}`;
      if (this.#verified.has(key)) continue;
      if (!(CODECS as readonly string[]).includes(encoding.codec)) this.#notes.push(`${blob.digest} has an encoding ${encoding.codec}, which is not known here.`);
      else await this.#decoded(blob, encoding);
      this.#verified.add(key);
    }
  }

  /** A blob's bytes by its last encoding, which is always a full one. */
  async read(blob: EncodedBlob): Promise<Uint8Array<ArrayBuffer>> {
    const full = blob.encodings.findLast((encoding) => canDecode(encoding, () => false));
    if (full === undefined) throw new AshoreError("UNIMPLEMENTED", `${blob.digest} comes only in encodings that are not known here.`);
    return this.#decoded(blob, full);
  }

  async #decoded(blob: EncodedBlob, encoding: Encoding): Promise<Uint8Array<ArrayBuffer>> {
    const { signal } = this.#options;
    const base = encoding.base === undefined ? undefined : await this.#download(encoding.base, LIMITS.shardBytes);
    const encoded = await this.#download(encoding.digest, encoding.size);
    await verifyDigest(encoded, encoding, `The ${encoding.codec} encoding of ${blob.digest}`);
    if (encoding.digest === blob.digest) return encoded;
    const bytes = await decode(encoding, encoded, blob.size, { signal, base });
    await verifyDigest(bytes, blob, `The blob ${blob.digest}, decoded by ${encoding.codec},`);
    return bytes;
  }

  async #download(name: Digest, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { fetch, server, clock, signal } = this.#options;
    const { bytes } = await download(fetch, `${server}/blobs/sha256/${name.slice("sha256:".length)}`, { maxBytes, clock, signal });
    this.bytes += bytes.byteLength;
    return bytes;
  }
}

async function attempt<T>(where: string, faults: Fault[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (thrown) {
    const { code, message } = asAshoreError(thrown);
    if (code === "CANCELLED") throw thrown;
    faults.push({ where, code, message });
    return undefined;
  }
}

/** A store that shows what was written to it. */
function recording(inner: RecordStore): { readonly store: RecordStore; readonly records: ReadonlyMap<string, Uint8Array> } {
  const records = new Map<string, Uint8Array>();
  return {
    records,
    store: {
      ...inner,
      write: async (name, bytes, options) => {
        await inner.write(name, bytes, options);
        records.set(name, bytes);
      },
    },
  };
}

function warningsOf(roles: readonly VerifiedRole[], now: number): string[] {
  const dated = roles.map(({ role, expires }) => ({ role, expires: Date.parse(expires) }));
  return dated.filter(({ role, expires }) => isOverdue(role, expires, now)).map((age) => `${expiryText(age, now)}; devices take no news after that. It should have been signed again.`);
}

/** The metadata that was proved, in the order of trust: root first. */
function rolesOf(records: ReadonlyMap<string, Uint8Array>): VerifiedRole[] {
  const roles: VerifiedRole[] = [];
  for (const [name, bytes] of records) {
    if (!name.endsWith(".json")) continue;
    const parsed = v.safeParse(roleSchema, parseStrictJson(bytes, name));
    if (!parsed.success) continue;
    const { signatures, signed } = parsed.output;
    roles.push({ role: decodeURIComponent(name.slice(0, -".json".length)), version: signed.version, expires: signed.expires, keyids: signatures.map(({ keyid }) => keyid) });
  }
  return roles;
}
