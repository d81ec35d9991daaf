import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface SiteFile {
  readonly body: string | Uint8Array;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What comes between: another answer than the server's, or undefined to let it through. */
export type Between = (path: string, method: string) => SiteFile | { readonly status: number } | "drop" | undefined;

/** A page's origin: some files of its own, everything else from a sync server. Counts what reaches it. */
export interface Site {
  readonly url: string;
  /** `METHOD path`, in order, as they came. */
  readonly log: readonly string[];
  /** How many requests whose path starts so have come. */
  count(prefix: string): number;
  /** Resolves when a request comes whose path starts so, from now on. */
  next(prefix: string): Promise<void>;
  setBetween(between: Between | undefined): void;
  put(path: string, file: SiteFile): void;
  /** The network goes away: connections are cut, and new ones too, until {@link up}. */
  down(): void;
  up(): void;
  /** Where everything that is not a file of the site comes from. */
  retarget(url: string): void;
  close(): Promise<void>;
}

const CONNECT_PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>site</title><link rel="icon" href="data:,">
<p id="asset"></p><script type="module">import { connect } from "/ashore/client.js"; globalThis.connect = connect; document.title = "ready";</script></html>`;

export async function openSite(target: string, files: Readonly<Record<string, SiteFile>> = {}): Promise<Site> {
  const own = new Map<string, SiteFile>(Object.entries({ "/": { body: CONNECT_PAGE, type: "text/html; charset=utf-8" }, ...files }));
  const log: string[] = [];
  let waiting: { readonly prefix: string; readonly resolve: () => void }[] = [];
  let between: Between | undefined;
  let isDown = false;

  function send(response: ServerResponse, { body, type, headers }: SiteFile): void {
    response.writeHead(200, { "content-type": type, "cache-control": "no-cache", ...headers }).end(body);
  }

  function forward(incoming: IncomingMessage, outgoing: ServerResponse, path: string): void {
    const upstream = request(new URL(path, target), { method: incoming.method, headers: { ...incoming.headers, host: new URL(target).host } }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    upstream.on("error", () => outgoing.destroy());
    incoming.pipe(upstream);
  }

  const server = createServer((incoming, outgoing) => {
    const { url: path = "/", method = "GET" } = incoming;
    if (isDown) {
      incoming.destroy();
      return;
    }
    log.push(`${method} ${path}`);
    const heard = waiting.filter(({ prefix }) => path.startsWith(prefix));
    waiting = waiting.filter((one) => !heard.includes(one));
    for (const { resolve } of heard) resolve();
    const other = between?.(path, method);
    const file = own.get(path.split("?", 1)[0] ?? path);
    if (other === "drop") incoming.destroy();
    else if (other !== undefined && "status" in other) outgoing.writeHead(other.status).end();
    else if (other !== undefined) send(outgoing, other);
    else if (file !== undefined) send(outgoing, file);
    else forward(incoming, outgoing, path);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    log,
    count: (prefix) => log.filter((line) => line.slice(line.indexOf(" ") + 1).startsWith(prefix)).length,
    next: (prefix) => new Promise((resolve) => waiting.push({ prefix, resolve })),
    setBetween: (next) => (between = next),
    put: (path, file) => void own.set(path, file),
    down: () => {
      isDown = true;
      server.closeAllConnections();
    },
    up: () => (isDown = false),
    retarget: (url) => (target = url),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
