import { digestOf, hexOf } from "../../protocol/digest.ts";
import { select } from "./conditional.ts";
import { etagOf } from "./representation.ts";

/** Ways to send bytes in fewer, as HTTP names them. */
export type ContentCoding = "br" | "gzip";

/** Where a build's files come from. */
export interface BuiltFiles {
  /** A file by its path in the build; undefined where there is none. */
  readonly read: (path: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;
  readonly compress: (bytes: Uint8Array<ArrayBuffer>, coding: ContentCoding) => Promise<Uint8Array<ArrayBuffer>>;
}

/** A file in memory, as it is sent. */
export interface KeptFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly sha256: string;
  /** Compressed when first asked for. */
  readonly coded: Map<ContentCoding, Promise<Uint8Array<ArrayBuffer>>>;
}

/** The files of a build, each read and compressed once: all that are sent are of one build. */
export interface KeptFiles {
  get(path: string): Promise<KeptFile | undefined>;
  /**
   * A file as an answer: 200 or 304, compressed for who takes that. Names do not say which bytes they stand for, so every use of
   * a kept copy asks again.
   */
  respond(request: Request, file: KeptFile, contentType: string, headers?: Readonly<Record<string, string>>): Promise<Response>;
}

export function createKeptFiles({ read, compress }: BuiltFiles): KeptFiles {
  const files = new Map<string, Promise<KeptFile | undefined>>();
  return {
    get: (path) => once(files, path, async () => {
      const bytes = await read(path);
      return bytes === undefined ? undefined : keptFile(bytes);
    }),
    async respond(request, file, contentType, more = {}) {
      const coding = COMPRESSIBLE.test(contentType) ? codingFor(request.headers.get("accept-encoding")) : undefined;
      const etag = etagOf(coding === undefined ? file.sha256 : `${file.sha256}-${coding}`);
      const headers: Record<string, string> = { ...more, ETag: etag, "Cache-Control": "no-cache", Vary: "Accept-Encoding" };
      const { status } = select(request.method, { ifNoneMatch: request.headers.get("if-none-match") ?? undefined }, etag, file.bytes.byteLength);
      if (status === 304) return new Response(null, { status, headers });
      const body = coding === undefined ? file.bytes : await once(file.coded, coding, () => compress(file.bytes, coding));
      Object.assign(headers, { "Content-Type": contentType, "Content-Length": String(body.byteLength) }, coding === undefined ? {} : { "Content-Encoding": coding });
      return new Response(request.method === "HEAD" ? null : body, { headers });
    },
  };
}

export async function keptFile(bytes: Uint8Array<ArrayBuffer>): Promise<KeptFile> {
  return { bytes, sha256: hexOf(await digestOf(bytes)), coded: new Map() };
}

const COMPRESSIBLE = /^(?:text\/|application\/(?:wasm|json|manifest\+json)|image\/svg)/;

/** One work for each key, its result kept; what failed, or was not there, is tried again by whoever asks next. */
function once<K, T>(made: Map<K, Promise<T>>, key: K, work: () => Promise<T>): Promise<T> {
  const there = made.get(key);
  if (there !== undefined) return there;
  const promise = work();
  made.set(key, promise);
  const forget = (): void => void made.delete(key);
  promise.then((result) => {
    if (result === undefined) forget();
  }, forget);
  return promise;
}

/** The best coding that a request accepts (RFC 9110, 12.5.3); weights other than 0 are not compared, as all are small. */
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
