import type { Random } from "./random.ts";

type Bytes = Uint8Array<ArrayBuffer>;
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Text that parsers stumble over. */
const TOKENS = ['"', "\\", "{", "}", "[", "]", ",", ":", "null", "true", "-0", "1e400", "1e3", "0.5", "\\u0000", "\\ud800", "\u2028", "9007199254740993", '"version":1', "{}", "[[]]", " ", "\n", "é", "💥"];

/** Bytes with a few faults in them, as a line, a disk, or an attacker without keys makes them. */
export function mutateBytes(bytes: Bytes, random: Random): Bytes {
  let changed = bytes;
  for (let i = 1 + random.below(3); i > 0; i--) changed = mutateOnce(changed, random);
  return changed;
}

function mutateOnce(bytes: Bytes, random: Random): Bytes {
  const at = random.below(bytes.length + 1);
  const length = random.below(random.chance(0.5) ? 4 : 64);
  const before = bytes.subarray(0, at);
  switch (random.below(7)) {
    case 0: {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
      return flipped;
    }
    case 1:
      return joined(before, random.bytes(length), bytes.subarray(at));
    case 2:
      return joined(before, bytes.subarray(at + length));
    case 3:
      return joined(before, new TextEncoder().encode(random.of(TOKENS)), bytes.subarray(at));
    case 4:
      return joined(before, bytes.subarray(Math.max(0, at - length)));
    case 5: {
      const from = random.below(bytes.length + 1);
      return joined(before, bytes.subarray(from, from + length), bytes.subarray(at + length));
    }
    default:
      return bytes.slice(0, at);
  }
}

function joined(...pieces: readonly Uint8Array[]): Bytes {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const VALUES: readonly Json[] = [null, true, false, 0, 1, 2, -1, 0.5, 1e21, 2 ** 53, 2 ** 53 - 1, "", "0", "x", "root", "timestamp", "ff", "2030-06-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-99-99T99:99:99Z", "1.0.31", "2.0.0", "é💥", [], {}, [[]], [1, 1], { a: 1 }, ["a", "a"]];
const NAMES = ["version", "expires", "_type", "meta", "x", "", "é", "sha256", "snapshot.json", "role.json", "threshold", "constructor"];

/** A copy of a value with one thing changed in it, somewhere: another value, a member more, less, or under another name. */
export function mutateJson(value: Json, random: Random): Json {
  const copy = structuredClone(value);
  const places: { readonly holder: Json[] | { [key: string]: Json }; readonly key: string }[] = [];
  collect(copy, places);
  if (places.length === 0) return random.of(VALUES);
  const { holder, key } = random.of(places);
  const object = holder as { [key: string]: Json };
  const present = object[key] ?? null;
  switch (random.below(7)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case 1:
      if (Array.isArray(holder)) holder.push(structuredClone(present));
      else holder[random.of(NAMES)] = structuredClone(present);
      break;
    case 2:
      if (Array.isArray(holder)) holder.reverse();
      else holder[random.of(NAMES)] = random.of(VALUES);
      break;
    case 3:
      if (typeof present === "number") object[key] = present + random.of([-1, 1, 2, 100]);
      else if (typeof present === "string") object[key] = random.of([present.toUpperCase(), `${present} `, present.slice(1), `${present}0`, present.replace("-", "/"), present.replace(/Z$/, "+00:00"), present.replace(/Z$/, ".5Z")]);
      else object[key] = random.of(VALUES);
      break;
    case 4: {
      const other = random.of(places);
      object[key] = structuredClone((other.holder as { [key: string]: Json })[other.key] ?? null);
      break;
    }
    default:
      object[key] = random.of(VALUES);
  }
  return copy;
}

function collect(value: Json, places: { holder: Json[] | { [key: string]: Json }; key: string }[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    places.push({ holder: value, key });
    collect((value as { [key: string]: Json })[key] ?? null, places);
  }
}

/** The bytes that signatures are over, by rules of its own: whatever JSON can say has a form here. */
export function looseCanonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(looseCanonical).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${quoted(key)}:${looseCanonical(value[key] ?? null)}`).join(",")}}`;
  }
  return typeof value === "string" ? quoted(value) : JSON.stringify(value);
}

function quoted(text: string): string {
  return `"${text.replace(/[\\"]/g, "\\$&")}"`;
}
