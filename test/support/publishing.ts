import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { modelName, version as versionNumber } from "../../protocol/names.ts";
import { parseManifest, type Manifest } from "../../protocol/manifest.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import type { PublishOptions, PublishPorts, PublishRequest, PublishResult } from "../../sync-server/publish/index.ts";
import { publishVersion, readServing } from "../../sync-server/publish/index.ts";
import { initKeys, openSigner } from "../../sync-server/sign/index.ts";
import { systemClock } from "../../sync-server/system-clock.ts";
import { createFolderStorage, targetPath, type FileStorage } from "../../sync-server/storage/index.ts";

/** A data folder with keys, a signer and an engine of its own: a publisher as `ashore publish` has it. */
export interface Publishing {
  readonly root: string;
  readonly ports: PublishPorts;
  /** A path below the root for a source. */
  folder(name: string): string;
  publish(model: string, version: number, more?: Partial<PublishRequest>, options?: PublishOptions): Promise<PublishResult>;
  /** Numbers of the versions that devices may take now. */
  served(model: string): Promise<number[] | undefined>;
  manifest(model: string, version: number, target: TargetInfo): Promise<Manifest>;
  close(): Promise<void>;
}

export async function startPublishing(wrap: (storage: FileStorage) => FileStorage = (storage) => storage): Promise<Publishing> {
  const root = await mkdtemp(join(tmpdir(), "ashore-publishing-"));
  const dataDir = join(root, "data");
  const clock = systemClock;
  await initKeys(dataDir);
  const ports: PublishPorts = { storage: wrap(createFolderStorage(dataDir)), signer: await openSigner({ dataDir, clock }), engine: createInProcessEngineHost(), clock };
  return {
    root,
    ports,
    folder: (name) => join(root, name),
    publish: (model, version, more, options) =>
      publishVersion({ source: join(root, model, String(version)), model: modelName(model), version: versionNumber(version), ...more }, ports, options),
    async served(model) {
      const { record } = await readServing(ports, modelName(model));
      return record?.config.versions.map((entry) => entry.version);
    },
    async manifest(model, version, { sha256 }) {
      const path = targetPath(manifestPath(modelName(model), versionNumber(version)), sha256);
      return parseManifest((await ports.storage.read(path)) ?? new Uint8Array(), path);
    },
    close: () => rm(root, { recursive: true, force: true }),
  };
}
