import { randomFillSync } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPublishedRoles } from "../../cli/published-roles.ts";
import { createUpload } from "../../cli/publish-server.ts";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { modelName, version as versionNumber } from "../../protocol/names.ts";
import { parseMetadata, type Metadata, type Targets } from "../../protocol/tuf/index.ts";
import type { Clock, FetchPort } from "../../runtime/ports.ts";
import { memoryRecords } from "../../runtime/store/index.ts";
import { createApp } from "../../sync-server/app.ts";
import { publishTo, readServing, type PublishOptions, type PublishToRequest, type SentResult, type ServingPorts } from "../../sync-server/publish/index.ts";
import { publisherUploads } from "../../sync-server/publisher-uploads.ts";
import { createStaticFiles } from "../../sync-server/routes/static-files.ts";
import { changeKeys, initKeys, newKeyFiles, openKeyFolder, openSigner, parsePublicKey, signDelegatedRole, type SignedTargets } from "../../sync-server/sign/index.ts";
import { createFolderStorage, type FileStorage } from "../../sync-server/storage/index.ts";
import { systemClock } from "../../sync-server/system-clock.ts";
import { openTokens } from "../../sync-server/tokens.ts";

export const UPLOAD_URL = "http://ashore.test";

/** A server that publishers send to, without a socket, and with none of their keys. */
export interface UploadServer {
  readonly root: string;
  readonly dataDir: string;
  readonly ports: ServingPorts;
  readonly tokens: ReturnType<typeof openTokens>;
  /** How often something was signed. */
  readonly signed: () => number;
  readonly fetch: FetchPort;
  /** A publisher of a model, with a key of its own, which may be delegated to at once. */
  publisher(model: string, options?: { readonly delegate?: boolean }): Promise<Publisher>;
  close(): Promise<void>;
}

export interface Publisher {
  readonly model: string;
  readonly token: string;
  /** The folder of its key. */
  readonly keys: string;
  publicKey(): ReturnType<typeof parsePublicKey>;
  /** Metadata of the publisher's role, signed as it should be, whatever it says. */
  sign(metadataVersion: number, targets: SignedTargets): Promise<Uint8Array<ArrayBuffer>>;
  /** Publishes the folder `<model>/<version>`, or another; over a network of its own where one is given. */
  publish(version: number, more?: Partial<PublishToRequest>, options?: PublishOptions & { readonly fetch?: FetchPort | undefined; readonly token?: string | undefined; readonly keys?: string | undefined; readonly clock?: Clock | undefined }): Promise<SentResult>;
}

export async function startUploadServer(wrap: (storage: FileStorage) => FileStorage = (storage) => storage): Promise<UploadServer> {
  const root = await mkdtemp(join(tmpdir(), "ashore-upload-"));
  const dataDir = join(root, "server");
  const clock = systemClock;
  await initKeys(dataDir);
  const ports: ServingPorts = { storage: wrap(createFolderStorage(dataDir)), signer: await openSigner({ dataDir, clock }), clock };
  const tokens = openTokens({ dataDir, clock });
  // Nothing is trusted without a look at the disk, where tests change things behind the server's back.
  let looks = 0;
  const files = createStaticFiles({ storage: ports.storage, now: () => (looks += 1_000) });
  let signed = 0;
  const onSigned = (): void => {
    signed += 1;
    files.refresh();
  };
  const quiet = (): void => undefined;
  const app = createApp({
    storage: ports.storage,
    files,
    now: () => clock.now(),
    configured: () => [],
    repository: { failed: () => [], problem: () => undefined },
    write: publisherUploads({ ...ports, clock, dataDir, onSigned, log: { debug: quiet, info: quiet, warn: quiet, error: quiet } }),
  });
  const fetch: FetchPort = (url, init) => app.fetch(new Request(url, init));
  const engine = createInProcessEngineHost();

  async function publisher(model: string, { delegate = true }: { readonly delegate?: boolean } = {}): Promise<Publisher> {
    const folder = await mkdtemp(join(root, "publisher-"));
    const keys = join(folder, "keys");
    const { publicPath } = await newKeyFiles(join(keys, "me.json"));
    const publicKey = async (): ReturnType<typeof parsePublicKey> => parsePublicKey(await readFile(publicPath), publicPath);
    if (delegate) await changeKeys({ dataDir, clock, change: { kind: "delegate", model: modelName(model), keys: [await publicKey()], threshold: 1 } });
    const { token } = await tokens.add(`publisher-${model}`);
    const store = memoryRecords();
    return {
      model,
      token,
      keys,
      publicKey,
      sign: async (metadataVersion, targets) => {
        const role = `publisher-${model}`;
        const signing = await openKeyFolder(keys).read();
        const next = (previous: Metadata<Targets> | undefined): Promise<Uint8Array<ArrayBuffer>> => signDelegatedRole({ role, previous, targets, keys: signing, clock });
        let bytes = await next(undefined);
        for (let version = 1; version < metadataVersion; version++) bytes = await next(parseMetadata("targets", bytes, role));
        return bytes;
      },
      publish: async (version, more, options = {}) => {
        const network = { server: UPLOAD_URL, clock, fetch: options.fetch ?? fetch };
        const server = { roleFor: createPublishedRoles({ ...network, store }), ...createUpload({ ...network, token: options.token ?? token, random: (count) => randomFillSync(new Uint8Array(count)) }) };
        const request = { source: join(root, model, String(version)), model: modelName(model), version: versionNumber(version), ...more };
        return publishTo(request, { server, engine, clock: options.clock ?? clock, keys: await openKeyFolder(options.keys ?? keys).read() }, options);
      },
    };
  }

  return { root, dataDir, ports, tokens, signed: () => signed, fetch, publisher, close: () => rm(root, { recursive: true, force: true }) };
}

/** The versions that devices are offered. */
export async function offeredBy({ ports }: UploadServer, model: string): Promise<number[] | undefined> {
  const { record } = await readServing(ports, modelName(model));
  return record?.config.versions.map(({ version }) => version);
}
