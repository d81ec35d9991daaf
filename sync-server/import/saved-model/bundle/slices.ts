import { AshoreError } from "../../../../protocol/errors.ts";
import { keyText } from "./table.ts";

/** A part of a tensor: per axis where it starts and how long it is. */
export interface Region {
  readonly start: readonly number[];
  readonly size: readonly number[];
}

export function wholeOf(shape: readonly number[]): Region {
  return { start: shape.map(() => 0), size: shape };
}

/**
 * RestoreV2's `shape_and_slices`: the shape of the whole, then start and length per axis, `-` for all of it: `10 6 4,3:0,6`.
 * `""` is the whole tensor. @throws MODEL_MALFORMED for what is no part of a tensor of `shape`
 */
export function parseSlice(spec: string, shape: readonly number[], what: string): Region {
  if (spec === "") return wholeOf(shape);
  const words = spec.split(" ");
  const parts = (words.pop() ?? "").split(":");
  const start = parts.map((part) => (part === "-" ? 0 : Number(part.split(",")[0])));
  const size = parts.map((part, axis) => (part === "-" ? (shape[axis] ?? 0) : Number(part.split(",")[1])));
  if (words.length !== shape.length || words.some((word, axis) => Number(word) !== shape[axis]) || !isInside({ start, size }, shape)) {
    throw new AshoreError("MODEL_MALFORMED", `${what}: the slice ${JSON.stringify(spec)} is no part of a variable of the shape [${shape.join(", ")}].`);
  }
  return { start, size };
}

export function isInside({ start, size }: Region, shape: readonly number[]): boolean {
  if (start.length !== shape.length || size.length !== shape.length) return false;
  return shape.every((whole, axis) => {
    const [from, length] = [start[axis] ?? -1, size[axis] ?? -1];
    return Number.isSafeInteger(from) && Number.isSafeInteger(length) && from >= 0 && length >= 0 && from + length <= whole;
  });
}

/** What two parts of one tensor have in common; undefined where that is nothing. */
export function intersect(a: Region, b: Region): Region | undefined {
  const start = a.start.map((from, axis) => Math.max(from, b.start[axis] ?? 0));
  const size = start.map((from, axis) => Math.min((a.start[axis] ?? 0) + (a.size[axis] ?? 0), (b.start[axis] ?? 0) + (b.size[axis] ?? 0)) - from);
  return size.every((length) => length > 0) ? { start, size } : undefined;
}

/** Calls back with every run of consecutive elements of `part`, which lies in both: where it is in `from`, where in `to`. */
export function eachRun(part: Region, from: Region, to: Region, copy: (fromIndex: number, toIndex: number, count: number) => void): void {
  const rank = part.size.length;
  const run = rank === 0 ? 1 : (part.size[rank - 1] ?? 0);
  const indexIn = (region: Region, at: readonly number[]): number => at.reduce((index, place, axis) => index * (region.size[axis] ?? 0) + place - (region.start[axis] ?? 0), 0);
  const at = [...part.start];
  for (;;) {
    copy(indexIn(from, at), indexIn(to, at), run);
    let axis = rank - 2;
    for (; axis >= 0; axis--) {
      at[axis] = (at[axis] ?? 0) + 1;
      if ((at[axis] ?? 0) < (part.start[axis] ?? 0) + (part.size[axis] ?? 0)) break;
      at[axis] = part.start[axis] ?? 0;
    }
    if (axis < 0) return;
  }
}

/** An extent as the bundle has it: a length of -1 is the whole axis. */
export interface Extent {
  readonly start: number;
  readonly length: number;
}

/** The part of a tensor of `shape` that extents name. */
export function regionOf(extents: readonly Extent[], shape: readonly number[]): Region {
  return { start: extents.map(({ start }) => start), size: extents.map(({ length }, axis) => (length === -1 ? (shape[axis] ?? 0) : length)) };
}

/**
 * The key under which a bundle holds a slice of a tensor, in TensorFlow's OrderedCode (core/lib/strings/ordered_code.cc,
 * EncodeTensorNameSlice): 0, the name, the rank, then start and length of each axis.
 */
export function sliceKey(name: string, extents: readonly Extent[]): string {
  const bytes = [0];
  for (const byte of Buffer.from(name, "utf8")) {
    bytes.push(byte);
    if (byte === 0) bytes.push(0xff);
    if (byte === 0xff) bytes.push(0);
  }
  bytes.push(0, 1);
  bytes.push(...(extents.length === 0 ? [0] : [1, extents.length]));
  for (const { start, length } of extents) bytes.push(...orderedSigned(start), ...orderedSigned(length));
  return keyText(Uint8Array.from(bytes));
}

/** A number from -64 up, as bytes that sort as the numbers do: the first one's leading ones say how many there are. */
function orderedSigned(n: number): number[] {
  if (n < 0) return [0x80 ^ (n & 0xff)];
  let length = 1;
  while (n >= 2 ** (7 * length - 1)) length++;
  const bytes: number[] = [];
  for (let left = n; bytes.length < length; left = Math.floor(left / 256)) bytes.unshift(left % 256);
  // Up to eight bytes the header is in the first one, which the number leaves free.
  bytes[0] = (bytes[0] ?? 0) | ((0xff00 >> length) & 0xff);
  return bytes;
}
