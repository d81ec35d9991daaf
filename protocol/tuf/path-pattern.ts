import { toHex } from "../digest.ts";

/** Which paths a delegation covers: patterns, or prefixes of the path's SHA-256, never both (The Update Framework 4.5). */
export interface Coverage {
  readonly paths?: readonly string[] | undefined;
  readonly pathHashPrefixes?: readonly string[] | undefined;
}

export async function covers(delegation: Coverage, path: string): Promise<boolean> {
  if (delegation.paths !== undefined) return delegation.paths.some((pattern) => matchesPattern(pattern, path));
  if (delegation.pathHashPrefixes === undefined) return false;
  const hash = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(path))));
  return delegation.pathHashPrefixes.some((prefix) => hash.startsWith(prefix));
}

/** Shell-style: `*` is any run of characters, `?` any one, neither of them `/`; everything else is itself. */
export function matchesPattern(pattern: string, path: string): boolean {
  const patterns = pattern.split("/");
  const parts = path.split("/");
  return patterns.length === parts.length && patterns.every((piece, i) => matchesSegment(piece, parts[i] ?? ""));
}

/** Whether some path under `folder` (`"models/digits/"`) could be covered; true where only a hash could tell. */
export function mayCoverUnder(delegation: Coverage, folder: string): boolean {
  if (delegation.paths === undefined) return delegation.pathHashPrefixes !== undefined;
  const parts = folder.split("/").slice(0, -1);
  return delegation.paths.some((pattern) => {
    const pieces = pattern.split("/");
    return pieces.length > parts.length && parts.every((part, i) => matchesSegment(pieces[i] ?? "", part));
  });
}

/** In time of at most pattern x text: a `*` takes one character more only when what follows it fails, and never less. */
function matchesSegment(pattern: string, text: string): boolean {
  let at = 0;
  let piece = 0;
  let star = -1;
  let tried = 0;
  while (at < text.length) {
    if (pattern[piece] === "*") {
      star = piece++;
      tried = at;
    } else if (piece < pattern.length && (pattern[piece] === "?" || pattern[piece] === text[at])) {
      piece++;
      at++;
    } else if (star >= 0) {
      piece = star + 1;
      at = ++tried;
    } else {
      return false;
    }
  }
  while (pattern[piece] === "*") piece++;
  return piece === pattern.length;
}
