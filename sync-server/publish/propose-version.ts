import type { Digest } from "../../protocol/digest.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import type { EngineHost } from "../ports.ts";
import { importModel, type ImportedModel } from "../import/index.ts";
import { targetsOf } from "../sign/compose.ts";
import type { SignedTarget } from "../sign/index.ts";
import { blobPath, targetPath } from "../storage/index.ts";
import { assertMinVersion, boundTarget, nextTarget } from "./bound-target.ts";
import { buildVersion, type BuiltVersion } from "./build-version.ts";
import type { PublisherRole, PublishServer, PublishToPorts, PublishToRequest } from "./publish-to.ts";
import type { PublishOptions } from "./publish-version.ts";

/** What the role's next metadata is to say, given what is published now. */
export interface Proposal extends PublisherRole {
  /** All targets of the role. */
  readonly targets: Map<string, SignedTarget>;
  readonly target: TargetInfo;
  /** Whether the version was published before, of the same source. */
  readonly isBound: boolean;
  /** Whether the role's metadata says it already, word for word. */
  readonly isSaid: boolean;
}

export interface Proposer {
  /** Takes in what is published, as a device does, and, if `accept` does not throw, sends what the server lacks of the version, once. */
  next(accept: (role: PublisherRole) => void): Promise<Proposal>;
  readonly blobs: { sent: number; sentBytes: number; held: number };
  /** What people should know of the version, one sentence each. */
  notes(): readonly string[];
}

/** Imports a version here, to be published elsewhere. @throws what the import, the build, the update and the upload throw; VERSION_REBOUND */
export async function openProposer(request: PublishToRequest, { server, engine, clock }: Omit<PublishToPorts, "keys">, options: PublishOptions): Promise<Proposer> {
  const { model, version, minVersion } = request;
  assertMinVersion(model, version, minVersion);
  options.onProgress?.({ phase: "import", bytes: 0, totalBytes: 0 });
  const imported = await importModel(request.source, { ...options, serving: request.serving, savedModelTags: request.savedModelTags });
  const { sourceDigest } = imported;
  const path = manifestPath(model, version);
  const blobs = { sent: 0, sentBytes: 0, held: 0 };
  let built: BuiltVersion | undefined;
  return {
    blobs,
    notes: () => built?.notes ?? [],
    async next(accept) {
      const found = await server.roleFor(path, options);
      accept(found);
      const targets = found.metadata === undefined ? new Map<string, SignedTarget>() : targetsOf(found.metadata.signed);
      const bound = boundTarget(targets.get(path), { model, version, sourceDigest });
      if (bound === undefined) built ??= await send(imported, { server, engine });
      const { target, changed } = nextTarget(bound, bound ?? built?.target ?? unbuilt(), sourceDigest, minVersion);
      return { ...found, targets: targets.set(path, target), target, isBound: bound !== undefined, isSaid: found.metadata !== undefined && !changed };
    },
  };

  /** Everything of the version but its signature, on the server. */
  async function send(from: ImportedModel, to: { readonly server: PublishServer; readonly engine: EngineHost }): Promise<BuiltVersion> {
    const putBlob = async (digest: Digest, bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
      if (await to.server.hasBlob(digest, bytes.byteLength, options)) {
        blobs.held += 1;
        return;
      }
      await to.server.put(blobPath(digest), bytes, options);
      blobs.sent += 1;
      blobs.sentBytes += bytes.byteLength;
    };
    const built = await buildVersion(from, { engine: to.engine, clock, putBlob }, { ...options, ...request });
    await to.server.put(targetPath(path, built.target.sha256), built.bytes, options);
    return built;
  }
}

/** Only what is bound goes without being built. */
function unbuilt(): never {
  throw new AshoreError("INTERNAL", "A version is to be signed that was not built.");
}
