import type { EngineTensor } from "../engine/feeds.ts";
import { elementCount } from "../protocol/tensor.ts";

/**
 * Tensors between a host and its threads, many to a message. The structured clone algorithm writes each object key by key,
 * which costs more than a tiny model's computing: here numbers and small tensors go on one tape, and only what is large
 * (moved, not copied) or a string goes beside it.
 */
export interface Tape {
  readonly words: ArrayBuffer;
  /** What is not on the tape, in the order of the tape. */
  readonly beside: readonly EngineTensor["data"][];
}

/** From this size on, moving a buffer is cheaper than copying it twice. */
const BESIDE_BYTES = 4096;
const DTYPES = ["float32", "int32", "bool", "string", "complex64"] as const;

export class TapeWriter {
  #words = new Float64Array(1024);
  #views = viewsOf(this.#words);
  #at = 0;
  #beside: EngineTensor["data"][] = [];
  #moved: ArrayBuffer[] = [];

  word(value: number): void {
    if (this.#at >= this.#words.length) this.#grow(this.#at + 1);
    this.#words[this.#at++] = value;
  }

  /** `move`: a large buffer may be taken over as it is; `copy`: it stays the caller's. */
  tensor({ dtype, shape, data }: EngineTensor, how: "copy" | "move"): void {
    this.word(DTYPES.indexOf(dtype));
    this.word(shape.length);
    for (let i = 0; i < shape.length; i++) this.word(shape[i] ?? 0);
    if (dtype === "string") {
      // A clone of a view takes the whole buffer behind it along.
      this.#beside.push(data.map((bytes) => (bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes))));
      return;
    }
    const { byteLength } = data;
    if (byteLength >= BESIDE_BYTES) {
      // A buffer can be moved once only.
      const movable = how === "move" && byteLength === data.buffer.byteLength && !this.#moved.includes(data.buffer);
      const moved = movable ? data : data.slice();
      this.#beside.push(moved);
      this.#moved.push(moved.buffer);
      return;
    }
    const words = Math.ceil(byteLength / 8);
    if (this.#at + words > this.#words.length) this.#grow(this.#at + words);
    // By a view of the same type: asking a small typed array for its buffer would have one made.
    if (dtype === "int32") this.#views.int32.set(data, this.#at * 2);
    else if (dtype === "bool") this.#views.bool.set(data, this.#at * 8);
    else this.#views.float32.set(data, this.#at * 2);
    this.#at += words;
  }

  get isEmpty(): boolean {
    return this.#at === 0;
  }

  /** What was written, and the buffers to be moved with it; the writer is empty after. */
  take(): { readonly tape: Tape; readonly transfer: ArrayBuffer[] } {
    const words = this.#words.buffer.slice(0, this.#at * 8);
    const taken = { tape: { words, beside: this.#beside }, transfer: this.#moved };
    this.#at = 0;
    this.#beside = [];
    this.#moved = [];
    return taken;
  }

  #grow(least: number): void {
    const words = new Float64Array(Math.max(least, 2 * this.#words.length));
    words.set(this.#words);
    this.#words = words;
    this.#views = viewsOf(words);
  }
}

function viewsOf({ buffer }: Float64Array<ArrayBuffer>) {
  return { float32: new Float32Array(buffer), int32: new Int32Array(buffer), bool: new Uint8Array(buffer) };
}

export class TapeReader {
  readonly #words: Float64Array<ArrayBuffer>;
  readonly #beside: Tape["beside"];
  #at = 0;
  #nextBeside = 0;

  constructor({ words, beside }: Tape) {
    this.#words = new Float64Array(words);
    this.#beside = beside;
  }

  get atEnd(): boolean {
    return this.#at >= this.#words.length;
  }

  word(): number {
    return this.#words[this.#at++] ?? 0;
  }

  /** Its data is a view into the tape, or what came beside it. */
  tensor(): EngineTensor {
    const dtype = DTYPES[this.word()] ?? "float32";
    const shape: number[] = [];
    for (let rank = this.word(); rank > 0; rank--) shape.push(this.word());
    const count = elementCount(shape);
    if (dtype === "string") return { dtype, shape, data: this.#next() as readonly Uint8Array[] };
    const byteLength = count * (dtype === "bool" ? 1 : dtype === "complex64" ? 8 : 4);
    if (byteLength >= BESIDE_BYTES) return { dtype, shape, data: this.#next() } as EngineTensor;
    const { buffer } = this.#words;
    const offset = this.#at * 8;
    this.#at += Math.ceil(byteLength / 8);
    switch (dtype) {
      case "float32":
        return { dtype, shape, data: new Float32Array(buffer, offset, count) };
      case "complex64":
        return { dtype, shape, data: new Float32Array(buffer, offset, 2 * count) };
      case "int32":
        return { dtype, shape, data: new Int32Array(buffer, offset, count) };
      case "bool":
        return { dtype, shape, data: new Uint8Array(buffer, offset, count) };
    }
  }

  #next(): EngineTensor["data"] {
    const data = this.#beside[this.#nextBeside++];
    if (data === undefined) throw new RangeError("The tape names more beside it than came.");
    return data;
  }
}
