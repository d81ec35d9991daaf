import { KIND, JsonTape, NODE_WORDS } from "./json-tape.ts";
import { scanNumber } from "./json-number.ts";
import { scanString } from "./json-string.ts";
import { NumberBlocks } from "./number-block.ts";
import { parseError } from "./parse-error.ts";
import { scratchInt32 } from "./scratch.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * One JSON value from `bytes`, by the rules of RapidJSON as TensorFlow Serving sets it (iterative, NaN and Inf allowed,
 * what follows the root value is not looked at). A NUL byte ends the text.
 * @param start where the value begins; a byte order mark is passed over at 0
 * @param blocks whether arrays of numbers are read at once into blocks, or node by node
 * @throws INVALID_ARGUMENT, with RapidJSON's text and the byte offset
 */
export function parseJson(bytes: Uint8Array, start: number, blocks: boolean): JsonTape {
  return new Parser(bytes, start === 0 ? afterByteOrderMark(bytes) : start, blocks).parse();
}

/** A node where a block stands as the list of its elements, each a node; any other node is itself. */
export function unfold(tape: JsonTape, node: number): { readonly tape: JsonTape; readonly node: number } {
  if (tape.kind(node) !== KIND.block) return { tape, node };
  return { tape: parseJson(tape.bytes, tape.start(node), false), node: 0 };
}

function afterByteOrderMark(bytes: Uint8Array): number {
  let at = 0;
  for (const byte of [0xef, 0xbb, 0xbf]) if (bytes[at] === byte) at++;
  return at;
}

class Parser {
  readonly #bytes: Uint8Array;
  readonly #blocks: NumberBlocks | undefined;
  #words = scratchInt32(96);
  #length = 0;
  #at: number;
  /** The open container; while it is open, its third word holds the container around it. */
  #open = -1;
  readonly #string = { end: 0, escaped: false };
  readonly #number = { end: 0, integer: false };

  constructor(bytes: Uint8Array, start: number, blocks: boolean) {
    this.#bytes = bytes;
    this.#at = start;
    this.#blocks = blocks ? new NumberBlocks(bytes) : undefined;
  }

  parse(): JsonTape {
    let closed = this.#value();
    while (this.#open >= 0) {
      if (closed) closed = this.#afterValue();
      else closed = this.#words[this.#open] === KIND.object ? this.#member() : this.#value();
    }
    return new JsonTape(this.#bytes, this.#words.subarray(0, this.#length), this.#blocks?.list ?? [], this.#blocks?.values ?? new Float64Array(0));
  }

  /** Reads a value, or opens a container that has something in it. Whether the value is whole. */
  #value(): boolean {
    const byte = this.#peek();
    const at = this.#at;
    switch (byte) {
      case OPEN_OBJECT:
        return this.#openContainer(KIND.object, CLOSE_OBJECT);
      case OPEN_ARRAY: {
        const block = this.#blocks?.read(at);
        if (block === undefined) return this.#openContainer(KIND.array, CLOSE_ARRAY);
        this.#put(KIND.block, at, block.index);
        this.#at = block.end;
        return true;
      }
      case QUOTE:
        return this.#stringNode();
      case 0x6e:
        return this.#word("null", KIND.null);
      case 0x74:
        return this.#word("true", KIND.true);
      case 0x66:
        return this.#word("false", KIND.false);
      case 0:
      case COMMA:
      case COLON:
      case CLOSE_ARRAY:
      case CLOSE_OBJECT:
        throw parseError(this.#open < 0 ? "empty" : "value", at);
      default:
        scanNumber(this.#bytes, at, this.#number);
        this.#put(this.#number.integer ? KIND.integer : KIND.double, at, this.#number.end);
        this.#at = this.#number.end;
        return true;
    }
  }

  #member(): boolean {
    if (this.#peek() !== QUOTE) throw parseError("name", this.#at);
    this.#stringNode();
    if (this.#peek() !== COLON) throw parseError("colon", this.#at);
    this.#at++;
    return this.#value();
  }

  /** Past a comma (false: another value follows) or a closing bracket (true: the container is a whole value). */
  #afterValue(): boolean {
    const isObject = this.#words[this.#open] === KIND.object;
    const byte = this.#peek();
    if (byte === COMMA) {
      this.#at++;
      return false;
    }
    if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) throw parseError(isObject ? "memberEnd" : "elementEnd", this.#at);
    this.#at++;
    const container = this.#open;
    this.#open = this.#words[container + 2] ?? -1;
    this.#words[container + 2] = this.#length;
    return true;
  }

  #openContainer(kind: number, closing: number): boolean {
    const node = this.#put(kind, this.#at, this.#open);
    this.#at++;
    if (this.#peek() === closing) {
      this.#at++;
      this.#words[node + 2] = this.#length;
      return true;
    }
    this.#open = node;
    return false;
  }

  #stringNode(): true {
    const start = this.#at + 1;
    scanString(this.#bytes, start, this.#string);
    this.#put(this.#string.escaped ? KIND.escapedString : KIND.string, start, this.#string.end);
    this.#at = this.#string.end + 1;
    return true;
  }

  #word(word: string, kind: number): true {
    for (let index = 1; index < word.length; index++) {
      if (this.#bytes[this.#at + index] !== word.charCodeAt(index)) throw parseError("value", this.#at + index);
    }
    this.#put(kind, this.#at, this.#at + word.length);
    this.#at += word.length;
    return true;
  }

  /** The next byte that is not white space; 0 at the end. */
  #peek(): number {
    const bytes = this.#bytes;
    let at = this.#at;
    let byte = bytes[at] ?? 0;
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at] ?? 0;
    this.#at = at;
    return byte;
  }

  #put(kind: number, start: number, end: number): number {
    const node = this.#length;
    if (node + NODE_WORDS > this.#words.length) {
      const grown = new Int32Array(this.#words.length * 2);
      grown.set(this.#words);
      this.#words = grown;
    }
    this.#words[node] = kind;
    this.#words[node + 1] = start;
    this.#words[node + 2] = end;
    this.#length = node + NODE_WORDS;
    return node;
  }
}
