import { asciiText, numberValue } from "./json-number.ts";
import { stringBytes } from "./json-string.ts";
import type { NumberBlock } from "./number-block.ts";
import { rawText } from "./raw-text.ts";

/** What a node is. `BLOCK` is an array that holds numbers only, in a regular shape, already read (see `number-block.ts`). */
export const KIND = { null: 0, false: 1, true: 2, object: 3, array: 4, string: 5, escapedString: 6, integer: 7, double: 8, block: 9 } as const;

/** RapidJSON's names of types, as TensorFlow Serving's messages print them. */
const TYPE_NAMES = ["Null", "False", "True", "Object", "Array", "String", "String", "Number", "Number", "Array"] as const;

/** Words a node: its kind, the byte where its text starts, and where it ends (a container: the node after it; a block: its number). */
export const NODE_WORDS = 3;

const encoder = new TextEncoder();
/** Up to this many bytes, and all of them ASCII, a text is made faster without a decoder. */
const SHORT_TEXT = 24;

/**
 * A parsed JSON document as one flat list of nodes in the order of the text, so that neither depth nor count costs more
 * than bytes. A node is its index; a member of an object is its key's node and then its value's.
 */
export class JsonTape {
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly blocks: readonly NumberBlock[];
  /** The values of all blocks, one after the other. */
  readonly values: Float64Array;

  constructor(bytes: Uint8Array, words: Int32Array, blocks: readonly NumberBlock[], values: Float64Array) {
    this.bytes = bytes;
    this.words = words;
    this.blocks = blocks;
    this.values = values;
  }

  kind(node: number): number {
    return this.words[node] ?? KIND.null;
  }

  /** The offset of the node's first byte; a string's is the byte after its quotation mark. */
  start(node: number): number {
    return this.words[node + 1] ?? 0;
  }

  /** The node after this one and all that it holds. */
  next(node: number): number {
    const kind = this.kind(node);
    return kind === KIND.object || kind === KIND.array ? (this.words[node + 2] ?? 0) : node + NODE_WORDS;
  }

  typeName(node: number): string {
    return TYPE_NAMES[this.kind(node)] ?? "Null";
  }

  isArray(node: number): boolean {
    const kind = this.kind(node);
    return kind === KIND.array || kind === KIND.block;
  }

  isString(node: number): boolean {
    const kind = this.kind(node);
    return kind === KIND.string || kind === KIND.escapedString;
  }

  block(node: number): NumberBlock | undefined {
    return this.kind(node) === KIND.block ? this.blocks[this.words[node + 2] ?? 0] : undefined;
  }

  /** The elements of an array (not of a block), or the keys of an object. */
  *children(node: number): Generator<number, void, undefined> {
    const step = this.kind(node) === KIND.object ? NODE_WORDS : 0;
    for (let child = node + NODE_WORDS; child < this.next(node); child = this.next(child + step)) yield child;
  }

  count(node: number): number {
    const step = this.kind(node) === KIND.object ? NODE_WORDS : 0;
    const end = this.next(node);
    let count = 0;
    for (let child = node + NODE_WORDS; child < end; child = this.next(child + step)) count++;
    return count;
  }

  /** The value of an object's first member of that name. */
  member(object: number, name: string): number | undefined {
    const wanted = utf8Of(name);
    for (const key of this.children(object)) {
      if (this.#isText(key, wanted)) return key + NODE_WORDS;
    }
    return undefined;
  }

  #isText(string: number, wanted: Uint8Array): boolean {
    const isPlain = this.kind(string) === KIND.string;
    const start = this.start(string);
    if (isPlain && (this.words[string + 2] ?? 0) - start !== wanted.length) return false;
    const bytes = isPlain ? this.bytes : this.string(string);
    const from = isPlain ? start : 0;
    return (isPlain || bytes.length === wanted.length) && wanted.every((byte, index) => bytes[from + index] === byte);
  }

  /** The bytes that a string stands for. */
  string(node: number): Uint8Array {
    return stringBytes(this.bytes, this.start(node), this.words[node + 2] ?? 0, this.kind(node) === KIND.escapedString);
  }

  /** A member's name as TensorFlow Serving takes it for an input's or a feature's: up to its first NUL. */
  name(key: number): string {
    const text = this.text(key);
    const end = text.indexOf("\0");
    return end < 0 ? text : text.slice(0, end);
  }

  text(node: number): string {
    const start = this.start(node);
    const end = this.words[node + 2] ?? 0;
    const isShort = this.kind(node) === KIND.string && end - start <= SHORT_TEXT;
    return (isShort ? plainText(this.bytes, start, end) : undefined) ?? rawText(this.string(node));
  }

  /** A number as it is written. */
  literal(node: number): string {
    return asciiText(this.bytes, this.start(node), this.words[node + 2] ?? 0);
  }

  number(node: number): number {
    return numberValue(this.literal(node));
  }

  bigint(node: number): bigint {
    return BigInt(this.literal(node));
  }
}

function plainText(bytes: Uint8Array, start: number, end: number): string | undefined {
  for (let at = start; at < end; at++) if ((bytes[at] ?? 0) >= 0x80) return undefined;
  return asciiText(bytes, start, end);
}

/** The names that requests are asked for: keys of the protocol and of signature defs. */
const NAMES = new Map<string, Uint8Array>();
const MOST_NAMES = 1_024;

function utf8Of(name: string): Uint8Array {
  let bytes = NAMES.get(name);
  if (bytes === undefined) {
    bytes = encoder.encode(name);
    if (NAMES.size < MOST_NAMES) NAMES.set(name, bytes);
  }
  return bytes;
}
