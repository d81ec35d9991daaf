import { randomFillSync } from "node:crypto";
import { resolve } from "node:path";
import { createThreadedEngineHost } from "../edge/index.ts";
import { openFileRecordStore } from "../edge/file-record-store.ts";
import { AshoreError } from "../protocol/errors.ts";
import type { FetchPort } from "../runtime/ports.ts";
import { preparePublish, publishSigned, publishTo, type PreparedPublish, type PublishOptions, type PublishToPorts, type PublishToRequest, type SentResult } from "../sync-server/publish/index.ts";
import { openKeyFolder } from "../sync-server/sign/index.ts";
import { systemClock as clock } from "../sync-server/system-clock.ts";
import { readRoot, urlFlag } from "./edge.ts";
import type { Io } from "./io.ts";
import { assertNoRequest, createRequest, readRequests } from "./keys-files.ts";
import { readPassphrase } from "./passphrase.ts";
import { createUpload } from "./publish-server.ts";
import { createPublishedRoles } from "./published-roles.ts";

export interface RemoteFlags {
  readonly to: string;
  readonly token?: string;
  readonly keys: string;
  readonly root?: string;
  readonly passphraseFile?: string;
}

/** What a publisher keeps, in the folder that it works in. */
export const PUBLISHER_FOLDER = ".ashore-publisher";

/** `ashore publish --to`: sign here, and send what is signed to a server that has none of the keys. */
export async function publishToServer(io: Io, flags: RemoteFlags, request: PublishToRequest, options: PublishOptions): Promise<SentResult> {
  return await withServer(io, flags, (ports) => publishTo(request, ports, options));
}

/** `ashore publish --to --prepare`: send everything but the signature, and write down what is to be signed in several places. */
export async function preparePublishTo(io: Io, flags: RemoteFlags & { readonly prepare: string }, request: PublishToRequest, options: PublishOptions): Promise<PreparedPublish> {
  return await withServer(io, flags, async (ports) => {
    // One that is there may hold somebody's signatures: known before anything is sent.
    await assertNoRequest(io, flags.prepare);
    const prepared = await preparePublish(request, ports, options);
    const { request: asked } = prepared;
    if (asked !== undefined) await createRequest(io, flags.prepare, () => Promise.resolve(asked));
    return prepared;
  });
}

/** `ashore publish --to --signed`: send what enough keys signed. */
export async function publishSignedTo(io: Io, flags: Pick<RemoteFlags, "to" | "token">, files: readonly [string, ...string[]]): Promise<Awaited<ReturnType<typeof publishSigned>>> {
  const request = await readRequests(io, files);
  return await publishSigned(request, openUpload(io, flags).upload, { signal: io.signal });
}

async function withServer<T>(io: Io, flags: RemoteFlags, use: (ports: PublishToPorts) => Promise<T>): Promise<T> {
  const { server, upload } = openUpload(io, flags);
  const keys = await openKeyFolder(resolve(io.cwd, flags.keys), { passphrase: await readPassphrase(io, flags.passphraseFile) }).read();
  const root = flags.root === undefined ? undefined : await readRoot(io, flags.root);
  const store = await openFileRecordStore(resolve(io.cwd, PUBLISHER_FOLDER, "servers", encodeURIComponent(server)));
  const roleFor = createPublishedRoles({ server, fetch, clock, store, root, onNews: ({ pinned, trustReset }) => {
    if (trustReset) io.err(`${server} is trusted by another root from now on, as --root says.`);
    if (pinned !== undefined && root === undefined) io.err(`The first root of ${server} is trusted from now on: ${pinned}. Compare it with the server's, or name it by --root.`);
  } });
  const engine = createThreadedEngineHost();
  try {
    return await use({ server: { roleFor, ...upload }, engine, clock, keys });
  } finally {
    await engine.close();
  }
}

const fetch: FetchPort = (url, init) => globalThis.fetch(url, init);

/** @throws USAGE */
function openUpload(io: Io, flags: Pick<RemoteFlags, "to" | "token">): { readonly server: string; readonly upload: ReturnType<typeof createUpload> } {
  const server = urlFlag("--to", flags.to);
  const token = flags.token ?? process.env["ASHORE_TOKEN"] ?? "";
  if (!/^[\x21-\x7e]{1,256}$/.test(token)) throw new AshoreError("USAGE", "--to needs a token: --token TOKEN, or the environment's ASHORE_TOKEN, as \"ashore tokens add\" printed it on the server.");
  if (isReadableOnTheWay(server)) io.err(`${server} is plain HTTP: who listens on the way reads the token. Use https.`);
  return { server, upload: createUpload({ server, token, fetch, clock, random: (count) => randomFillSync(new Uint8Array(count)) }) };
}

function isReadableOnTheWay(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
