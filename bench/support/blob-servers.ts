import { mkdir, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import sirv from "sirv";
import { createApp } from "../../sync-server/app.ts";
import { listen } from "../../sync-server/listen.ts";
import { createStaticFiles } from "../../sync-server/routes/static-files.ts";
import { createFolderStorage } from "../../sync-server/storage/index.ts";

/** A file server under test, in a process of its own. */
export type Candidate = "ashore" | "ashore-streamed" | "sirv" | "sirv-whole";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: (_: object, message: string) => console.error(message) };

/** Serves a data folder until the process is ended; its URL. */
export async function serveBlobs(candidate: Candidate, folder: string): Promise<string> {
  if (candidate === "sirv") return serveWithSirv(folder);
  if (candidate === "sirv-whole") return serveWithSirv(folder, sayWhatA304Must);
  const storage = createFolderStorage(folder);
  // Without room for a blob in memory every one is streamed.
  const files = createStaticFiles({ storage, now: () => performance.now(), ...(candidate === "ashore-streamed" ? { maxBytes: 64 * 1024 } : {}) });
  const app = createApp({ storage, files, now: () => Date.now(), configured: () => [], repository: { failed: () => [], problem: () => undefined } });
  return (await listen({ config: { host: "127.0.0.1", port: 0, metricsPath: null }, app, files, log: silent })).url;
}

/** What sirv leaves out of a 304: the headers of its 200 that RFC 9110, clause 15.4.5 demands there too, and the one that lets other origins read it. */
function sayWhatA304Must(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("ETag", request.headers["if-none-match"] ?? "");
  response.setHeader("Cache-Control", "public, max-age=31536000, immutable");
  response.setHeader("Access-Control-Allow-Origin", "*");
}

async function serveWithSirv(folder: string, before?: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const handle = sirv(folder, { etag: true, maxAge: 31_536_000, immutable: true });
  const server = createServer((request, response) => {
    before?.(request, response);
    handle(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return `http://127.0.0.1:${address.port}`;
}

export async function writeBlobs(folder: string, blobs: Readonly<Record<string, Uint8Array>>): Promise<void> {
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  for (const [hex, bytes] of Object.entries(blobs)) await writeFile(join(folder, "blobs/sha256", hex), bytes);
}
