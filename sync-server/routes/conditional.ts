/** The request headers that choose between 200, 206, 304 and 416; undefined where absent. */
export interface Conditions {
  readonly ifNoneMatch?: string | undefined;
  readonly ifRange?: string | undefined;
  readonly range?: string | undefined;
}

export type Selection =
  | { readonly status: 200 }
  | { readonly status: 304 }
  | { readonly status: 206; readonly start: number; readonly end: number }
  | { readonly status: 416 };

const WHOLE: Selection = { status: 200 };
const UNCHANGED: Selection = { status: 304 };

/**
 * What of a representation a request is answered with (RFC 9110, sections 13 and 14). A single satisfiable range gives 206;
 * several, or one that is not understood, give the whole, as a server may (14.2). Ranges count for GET alone.
 */
export function select(method: string, conditions: Conditions, etag: string, size: number): Selection {
  const { ifNoneMatch, range, ifRange } = conditions;
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) return UNCHANGED;
  if (range === undefined || method !== "GET") return WHOLE;
  if (ifRange !== undefined && ifRange !== etag) return WHOLE;
  return selectRange(range, size);
}

/** Weak comparison over a list of entity tags (13.1.2). */
function matches(header: string, etag: string): boolean {
  if (header === etag || header === "*") return true;
  return header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function selectRange(header: string, size: number): Selection {
  const match = /^bytes=[ \t]*([0-9]{0,16})-([0-9]{0,16})[ \t]*$/i.exec(header);
  if (match === null) return WHOLE;
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") return WHOLE;
    const count = Math.min(Number(last), size);
    return count === 0 ? { status: 416 } : { status: 206, start: size - count, end: size - 1 };
  }
  const start = Number(first);
  if (last !== "" && Number(last) < start) return WHOLE;
  if (start >= size) return { status: 416 };
  return { status: 206, start, end: last === "" ? size - 1 : Math.min(Number(last), size - 1) };
}
