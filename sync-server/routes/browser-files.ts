import { digestOf, hexOf } from "../../protocol/digest.ts";
import { select } from "./conditional.ts";
import { etagOf } from "./representation.ts";

/** Ways to send bytes in fewer, as HTTP names them. */
export type ContentCoding = "br" | "gzip";

export interface BrowserFilesOptions {
  /** A file of the build's `ashore/` folder; undefined where there is none. */
  readonly read: (name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  readonly compress: (bytes: Uint8Array<ArrayBuffer>, coding: ContentCoding) => Promise<Uint8Array<ArrayBuffer>>;
  /** The newest root of what this server publishes; undefined while nothing is signed. */
  readonly root: () => Promise<Uint8Array | undefined>;
}

/** What browsers load of Ashore itself: under `/ashore/` (DESIGN section 8). */
export interface BrowserFiles {
  /** @returns undefined where the path is not one of theirs, or the build has no such file */
  respond(request: Request, pathname: string): Promise<Response | undefined>;
}

const PREFIX = "/ashore/";
const SERVICE_WORKER = "service-worker.js";
const WASM = /^wasm\/[a-z-]+\.wasm$/;
const SCRIPTS: ReadonlySet<string> = new Set(["client.js", "worker.js", SERVICE_WORKER]);

/** A file as it is sent: the names do not say which bytes they stand for, so every use of a kept copy asks again. */
interface Prepared {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
  /** Compressed when first asked for. */
  readonly coded: Map<ContentCoding, Promise<Uint8Array<ArrayBuffer>>>;
}

export function createBrowserFiles({ read, compress, root }: BrowserFilesOptions): BrowserFiles {
  /** By the file's name, and of the service worker's script by its root too. Read once: all are of one build. */
  const prepared = new Map<string, Promise<Prepared | undefined>>();
  let serviceWorker: { readonly root: string; readonly prepared: Promise<Prepared | undefined> } | undefined;

  function kept(name: string): Promise<Prepared | undefined> {
    const there = prepared.get(name);
    if (there !== undefined) return there;
    const made = read(name).then((bytes) => (bytes === undefined ? undefined : prepare(bytes)));
    prepared.set(name, made);
    forgetFailure(made, () => prepared.delete(name));
    return made;
  }

  /** The script starts with the root that devices begin to trust with: it is part of its bytes, so a new root is a new script. */
  async function withRoot(): Promise<Prepared | undefined> {
    const bytes = await root();
    const encoded = bytes === undefined ? "" : base64(bytes);
    if (serviceWorker?.root !== encoded) {
      const made = kept(SERVICE_WORKER).then((script) => (script === undefined || bytes === undefined ? script : prepare(prefixed(`self.__ASHORE__={"root":"${encoded}"};\n`, script.bytes))));
      const entry = { root: encoded, prepared: made };
      serviceWorker = entry;
      forgetFailure(made, () => {
        if (serviceWorker === entry) serviceWorker = undefined;
      });
    }
    return serviceWorker?.prepared;
  }

  async function coded({ bytes, coded: known }: Prepared, coding: ContentCoding): Promise<Uint8Array<ArrayBuffer>> {
    const there = known.get(coding);
    if (there !== undefined) return there;
    const made = compress(bytes, coding);
    known.set(coding, made);
    forgetFailure(made, () => known.delete(coding));
    return made;
  }

  return {
    async respond(request, pathname) {
      const name = pathname.startsWith(PREFIX) ? pathname.slice(PREFIX.length) : "";
      if (!SCRIPTS.has(name) && !WASM.test(name)) return undefined;
      const file = await (name === SERVICE_WORKER ? withRoot() : kept(name));
      if (file === undefined) return undefined;
      const coding = codingFor(request.headers.get("accept-encoding"));
      const etag = etagOf(coding === undefined ? file.sha256 : `${file.sha256}-${coding}`);
      const headers: Record<string, string> = { ETag: etag, "Cache-Control": "no-cache", Vary: "Accept-Encoding", ...(name === SERVICE_WORKER ? { "Service-Worker-Allowed": "/" } : {}) };
      const { status } = select(request.method, { ifNoneMatch: request.headers.get("if-none-match") ?? undefined }, etag, file.bytes.byteLength);
      if (status === 304) return new Response(null, { status, headers });
      const body = coding === undefined ? file.bytes : await coded(file, coding);
      headers["Content-Type"] = name.endsWith(".wasm") ? "application/wasm" : "text/javascript; charset=utf-8";
      headers["Content-Length"] = String(body.byteLength);
      if (coding !== undefined) headers["Content-Encoding"] = coding;
      return new Response(request.method === "HEAD" ? null : body, { headers });
    },
  };
}

async function prepare(bytes: Uint8Array<ArrayBuffer>): Promise<Prepared> {
  return { bytes, sha256: hexOf(await digestOf(bytes)), coded: new Map() };
}

/** What failed, or was not there, is tried again by whoever asks next. */
function forgetFailure(made: Promise<unknown>, forget: () => void): void {
  made.then((found) => {
    if (found === undefined) forget();
  }, forget);
}

function prefixed(text: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = new TextEncoder().encode(text);
  const whole = new Uint8Array(prefix.byteLength + bytes.byteLength);
  whole.set(prefix);
  whole.set(bytes, prefix.byteLength);
  return whole;
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The best coding that a request accepts (RFC 9110, 12.5.3); weights aside from 0 are not compared: ours are both small. */
function codingFor(accepted: string | null): ContentCoding | undefined {
  const refused = (parameters: readonly string[]): boolean => parameters.some((parameter) => /^\s*q\s*=\s*0(\.0{0,3})?\s*$/i.test(parameter));
  const names = new Set(
    (accepted ?? "").split(",").flatMap((item) => {
      const [name = "", ...parameters] = item.split(";");
      return refused(parameters) ? [] : [name.trim().toLowerCase()];
    }),
  );
  return names.has("br") ? "br" : names.has("gzip") ? "gzip" : undefined;
}
