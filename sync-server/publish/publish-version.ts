import type { Digest } from "../../protocol/digest.ts";
import { AshoreError, asAshoreError } from "../../protocol/errors.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import type { Clock, EngineHost, WithSignal } from "../ports.ts";
import { importModel, type ImportedModel } from "../import/index.ts";
import { PUBLISHER_PREFIX, type SignedState, type SignedTarget } from "../sign/index.ts";
import { blobPath, targetPath, writeOnce } from "../storage/index.ts";
import { assertMinVersion, boundTarget, nextTarget } from "./bound-target.ts";
import { buildVersion, type BuildProgress, type BuiltVersion } from "./build-version.ts";
import { changeServing, type ServingPorts } from "./change-serving.ts";
import { addVersion, servingConfigFor, type ServingSettings } from "./policy.ts";

export interface PublishPorts extends ServingPorts {
  /** Where the self-test runs: threads of their own in a server, so that publishing never stalls serving. */
  readonly engine: EngineHost;
  readonly clock: Clock;
}

export interface PublishRequest {
  /** The folder of one version's files. */
  readonly source: string;
  readonly model: ModelName;
  readonly version: Version;
  /** The lowest version of the model that devices may run from now on; signed, and only ever raised. */
  readonly minVersion?: Version | undefined;
  /** What the operator configured of the model; absent: as before. */
  readonly settings?: ServingSettings | undefined;
  /** Whether the source lies in a watched repository: then the version goes when its folder goes. Default false. */
  readonly fromRepository?: boolean | undefined;
  /** The serving.json to publish with it, in place of that in the folder (docs/guides/preprocess.md). */
  readonly serving?: string | undefined;
  /** Tags of the meta graph to take out of a SavedModel. Default ["serve"]. */
  readonly savedModelTags?: readonly string[] | undefined;
  /** Publish a model that answers NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

export interface PublishOptions extends WithSignal {
  readonly onProgress?: ((progress: BuildProgress) => void) | undefined;
}

export interface PublishResult {
  /** "unchanged" where the same source was published under this version before. */
  readonly outcome: "published" | "unchanged";
  readonly manifest: TargetInfo;
  /** What people should know, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Publishes one version: its blobs, its manifest and the serving config that names it are durable before they are signed, so
 * that a kill at any point leaves what was published before, and the next run goes on. The same source under the same version
 * again changes nothing but its settings and minimum version.
 * @throws VERSION_REBOUND for other bytes under a published version; MODEL_INCOMPLETE, MODEL_MALFORMED, MODEL_UNSUPPORTED_OP,
 * SELF_TEST_FAILED, LIMIT_EXCEEDED for the source; VERSION_INVALID; STORE_FULL, STORE_FAILED; KEY_MISSING; CANCELLED
 */
export async function publishVersion(request: PublishRequest, ports: PublishPorts, options: PublishOptions = {}): Promise<PublishResult> {
  try {
    return await publish(request, ports, options);
  } catch (thrown) {
    throw asAshoreError(thrown);
  }
}

async function publish(request: PublishRequest, ports: PublishPorts, options: PublishOptions): Promise<PublishResult> {
  const { model, version, minVersion, settings, fromRepository = false } = request;
  assertMinVersion(model, version, minVersion);
  options.onProgress?.({ phase: "import", bytes: 0, totalBytes: 0 });
  const imported = await importModel(request.source, { ...options, serving: request.serving, savedModelTags: request.savedModelTags });
  const path = manifestPath(model, version);
  const { sourceDigest } = imported;
  const boundIn = (state: SignedState) => boundTarget(state.roles.get(publisherRole(state, model))?.targets.get(path), { model, version, sourceDigest });
  const before = boundIn(await ports.signer.read(options));
  const built = before === undefined ? await writeVersion(imported, request, ports, options) : undefined;

  const total = imported.tensors.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
  options.onProgress?.({ phase: "sign", bytes: total, totalBytes: total });
  let signed: SignedTarget | undefined;
  const { changed } = await changeServing(
    ports,
    model,
    ({ record, state }) => {
      // Another process may have published this version since; what is signed first stays.
      const bound = boundIn(state);
      const { target, changed: raised } = nextTarget(bound, bound ?? built?.target ?? unbound(model, version), sourceDigest, minVersion);
      signed = target;
      const { sha256, length } = target;
      return {
        record: addVersion(servingConfigFor(model, record, settings), version, { sha256, length }, { fromRepository }),
        edit: raised ? (draft) => void draft.targets(publisherRole(state, model)).set(path, target) : undefined,
      };
    },
    options,
  );
  const { sha256, length } = signed ?? unbound(model, version);
  return { outcome: changed && before === undefined ? "published" : "unchanged", manifest: { sha256, length }, notes: built?.notes ?? [] };
}

/** Everything of a version that its signature will name, durably. */
async function writeVersion(imported: ImportedModel, request: PublishRequest, ports: PublishPorts, options: PublishOptions): Promise<BuiltVersion> {
  const { storage, engine, clock } = ports;
  const { model, version, allowNonFinite } = request;
  const putBlob = (digest: Digest, bytes: Uint8Array<ArrayBuffer>) => writeOnce(storage, blobPath(digest), bytes, { ...options, now: clock.now() });
  const built = await buildVersion(imported, { engine, clock, putBlob }, { ...options, model, version, allowNonFinite });
  await writeOnce(storage, targetPath(manifestPath(model, version), built.target.sha256), built.bytes, { ...options, now: clock.now() });
  return built;
}

/** The role that signs a model's manifests: its own, where keys were delegated to it. */
function publisherRole(state: SignedState, model: ModelName): string {
  const own = `${PUBLISHER_PREFIX}${model}`;
  return state.roles.has(own) ? own : "publisher";
}

function unbound(model: ModelName, version: Version): never {
  throw new AshoreError("ABORTED", `The signed target of ${model} ${version} was taken away while it was being published; publish again.`);
}
