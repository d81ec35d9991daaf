import { randomFillSync } from "node:crypto";
import { resolve } from "node:path";
import { createThreadedEngineHost } from "../edge/index.ts";
import { openFileRecordStore } from "../edge/file-record-store.ts";
import { AshoreError } from "../protocol/errors.ts";
import type { FetchPort } from "../runtime/ports.ts";
import { publishTo, type PublishOptions, type PublishToRequest, type SentResult } from "../sync-server/publish/index.ts";
import { openKeyFolder } from "../sync-server/sign/index.ts";
import { systemClock as clock } from "../sync-server/system-clock.ts";
import { readRoot, urlFlag } from "./edge.ts";
import type { Io } from "./io.ts";
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
  const server = urlFlag("--to", flags.to);
  const token = flags.token ?? process.env["ASHORE_TOKEN"] ?? "";
  if (!/^[\x21-\x7e]{1,256}$/.test(token)) throw new AshoreError("USAGE", "--to needs a token: --token TOKEN, or the environment's ASHORE_TOKEN, as \"ashore tokens add\" printed it on the server.");
  if (isReadableOnTheWay(server)) io.err(`${server} is plain HTTP: who listens on the way reads the token. Use https.`);
  const keys = await openKeyFolder(resolve(io.cwd, flags.keys), { passphrase: await readPassphrase(io, flags.passphraseFile) }).read();
  const root = flags.root === undefined ? undefined : await readRoot(io, flags.root);
  const store = await openFileRecordStore(resolve(io.cwd, PUBLISHER_FOLDER, "servers", encodeURIComponent(server)));
  const fetch: FetchPort = (url, init) => globalThis.fetch(url, init);
  const roleFor = createPublishedRoles({ server, fetch, clock, store, root, onNews: ({ pinned, trustReset }) => {
    if (trustReset) io.err(`${server} is trusted by another root from now on, as --root says.`);
    if (pinned !== undefined && root === undefined) io.err(`The first root of ${server} is trusted from now on: ${pinned}. Compare it with the server's, or name it by --root.`);
  } });
  const upload = createUpload({ server, token, fetch, clock, random: (count) => randomFillSync(new Uint8Array(count)) });
  const engine = createThreadedEngineHost();
  try {
    return await publishTo(request, { server: { roleFor, ...upload }, engine, clock, keys }, options);
  } finally {
    await engine.close();
  }
}

function isReadableOnTheWay(server: string): boolean {
  const { protocol, hostname } = new URL(server);
  return protocol === "http:" && !/^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);
}
