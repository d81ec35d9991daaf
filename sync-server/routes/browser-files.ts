import { createKeptFiles, keptFile, type BuiltFiles, type KeptFile } from "./kept-files.ts";

export interface BrowserFilesOptions {
  /** The build's `ashore/` folder. */
  readonly built: BuiltFiles;
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
/** Each with what its answers say besides. */
const SCRIPTS: ReadonlyMap<string, Readonly<Record<string, string>>> = new Map([
  ["client.js", {}],
  // A cross-origin isolated page starts no worker whose script does not ask for the same.
  ["worker.js", { "Cross-Origin-Embedder-Policy": "require-corp" }],
  [SERVICE_WORKER, { "Service-Worker-Allowed": "/" }],
]);

export function createBrowserFiles({ built, root }: BrowserFilesOptions): BrowserFiles {
  const files = createKeptFiles(built);
  let rooted: { readonly script: KeptFile; readonly root: string; readonly file: KeptFile } | undefined;

  /** The script starts with the root that devices begin to trust with: it is part of its bytes, so a new root is a new script. */
  async function serviceWorker(): Promise<KeptFile | undefined> {
    const [script, bytes] = await Promise.all([files.get(SERVICE_WORKER), root()]);
    if (script === undefined || bytes === undefined) return script;
    const encoded = base64(bytes);
    if (rooted?.root !== encoded || rooted.script !== script) {
      rooted = { script, root: encoded, file: await keptFile(prefixed(`self.__ASHORE__={"root":"${encoded}"};\n`, script.bytes)) };
    }
    return rooted.file;
  }

  return {
    async respond(request, pathname) {
      const name = pathname.startsWith(PREFIX) ? pathname.slice(PREFIX.length) : "";
      const isWasm = WASM.test(name);
      if (!isWasm && !SCRIPTS.has(name)) return undefined;
      const file = await (name === SERVICE_WORKER ? serviceWorker() : files.get(name));
      if (file === undefined) return undefined;
      return files.respond(request, file, isWasm ? "application/wasm" : "text/javascript; charset=utf-8", SCRIPTS.get(name));
    },
  };
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
