import { AshoreError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

/**
 * The bytes that a signature is over: OLPC canonical JSON (http://wiki.laptop.org/go/Canonical_JSON; The Update Framework
 * 4.2.1). Keys sorted by code point, no white space, only `"` and `\` escaped, integers alone.
 * @throws METADATA_MALFORMED for what has no canonical form: fractions, integers past 2^53-1, lone surrogates, too much depth
 */
export function canonicalJson(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(print(value, 0));
}

/**
 * A value that every implementation prints alike, so fit to be signed: besides {@link canonicalJson}'s rules its keys are
 * ASCII (libraries sort others differently).
 * @throws METADATA_MALFORMED
 */
export function assertSignable(value: unknown): void {
  if (Array.isArray(value)) for (const item of value) assertSignable(item);
  else if (typeof value === "object" && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      if (!/^[\x20-\x7e]*$/.test(key)) throw malformed(`the key ${JSON.stringify(key.slice(0, 100))} is not printable ASCII, and implementations disagree on the order of such keys`);
      assertSignable(item);
    }
  } else print(value, 0);
}

function print(value: unknown, depth: number): string {
  if (depth > LIMITS.metadataDepth) throw malformed(`it is nested deeper than ${LIMITS.metadataDepth} levels`);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw malformed(`the number ${value} is not an integer of at most 2^53-1`);
    return String(value);
  }
  if (Array.isArray(value)) return `[${value.map((item) => print(item, depth + 1)).join(",")}]`;
  if (typeof value === "object") {
    const entries = Object.entries(value).sort(([a], [b]) => byCodePoint(a, b));
    return `{${entries.map(([key, item]) => `${quoted(key)}:${print(item, depth + 1)}`).join(",")}}`;
  }
  throw malformed(`a ${typeof value} is not JSON`);
}

function quoted(text: string): string {
  // A lone surrogate has no UTF-8: two different strings would be signed as the same bytes.
  if (/\p{Surrogate}/u.test(text)) throw malformed("a string holds half of a surrogate pair");
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

/** Order by code point, which is that of UTF-8 bytes; `<` alone compares UTF-16 units, where U+FFFD stands after U+10000. */
function byCodePoint(a: string, b: string): number {
  const left = Array.from(a);
  const right = Array.from(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    // Both indices are inside, and an element of Array.from(string) is never empty.
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

function malformed(why: string): AshoreError {
  return new AshoreError("METADATA_MALFORMED", `This has no canonical JSON form, so no signature can be over it: ${why}.`);
}
