import { AshoreError } from "./errors.ts";

/**
 * JSON from UTF-8 bytes (RFC 8259), refusing what `JSON.parse` lets pass: invalid UTF-8 and an object with the same key
 * twice, of which two readers may each take another.
 * @throws JSON_INVALID
 */
export function parseStrictJson(bytes: Uint8Array, what: string): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    const start = JSON.stringify(new TextDecoder().decode(bytes.subarray(0, 60)));
    throw new AshoreError("JSON_INVALID", `${what} is not JSON: it starts with ${start}.`, { cause });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined) throw new AshoreError("JSON_INVALID", `${what} has the key ${JSON.stringify(twice)} twice in one object.`);
  return value;
}

/** The first key that an object of valid JSON text has twice, compared after its escapes are resolved. */
function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; ) {
    const character = text[at];
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(null);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = stringEnd(text, at);
      const keys = open.at(-1);
      if (keys && colonFollows(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end;
      continue;
    }
    at++;
  }
  return undefined;
}

/** Behind the string that begins at `start`. No regular expression: on a string of megabytes its stack overflows. */
function stringEnd(text: string, start: number): number {
  for (let quote = start; ; ) {
    quote = text.indexOf('"', quote + 1);
    let slashes = 0;
    while (text[quote - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
}

function colonFollows(text: string, from: number): boolean {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return text[at] === ":";
}
