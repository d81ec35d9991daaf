/** A file that the server publishes under its own path, and what its URL says of it. */
export interface StaticPath {
  /** Its path in the storage. */
  readonly path: string;
  readonly kind: "metadata" | "target" | "blob";
  /** The SHA-256 of its bytes, hexadecimal, where the URL names it. */
  readonly sha256?: string;
  /** Whether the bytes under this URL never change. */
  readonly immutable: boolean;
  readonly contentType: string;
}

const METADATA = /^\/metadata\/((?:([0-9]{1,16})\.)?[^/]{1,200}\.json)$/;
const TARGET = /^\/targets\/((?:[^/]{1,255}\/){0,16}([0-9a-f]{64})\.[^/]{1,255})$/;
const BLOB = /^\/blobs\/sha256\/([0-9a-f]{64})$/;

/**
 * The file that a URL's path names, or undefined where it names none. Only what may be published has a form here: no other
 * file of the data folder can be asked for.
 */
export function staticPath(pathname: string): StaticPath | undefined {
  const blob = BLOB.exec(pathname);
  if (blob?.[1] !== undefined) {
    return { path: `blobs/sha256/${blob[1]}`, kind: "blob", sha256: blob[1], immutable: true, contentType: "application/octet-stream" };
  }
  const decoded = decode(pathname);
  if (decoded === undefined || decoded.split("/").some((segment) => segment.startsWith("."))) return undefined;
  const metadata = METADATA.exec(decoded);
  if (metadata?.[1] !== undefined) {
    return { path: `metadata/${metadata[1]}`, kind: "metadata", immutable: metadata[2] !== undefined, contentType: "application/json" };
  }
  const target = TARGET.exec(decoded);
  if (target?.[1] !== undefined && target[2] !== undefined) {
    return { path: `targets/${target[1]}`, kind: "target", sha256: target[2], immutable: true, contentType: decoded.endsWith(".json") ? "application/json" : "application/octet-stream" };
  }
  return undefined;
}

function decode(pathname: string): string | undefined {
  if (!pathname.includes("%")) return pathname.includes("\\") ? undefined : pathname;
  try {
    const text = decodeURIComponent(pathname);
    return text.includes("\\") || text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}
