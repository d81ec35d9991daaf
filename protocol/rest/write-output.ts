import type { DType } from "../dtype.ts";
import { elementCount, type NamedTensors, type Tensor } from "../tensor.ts";
import type { ByteWriter } from "./byte-writer.ts";
import type { RestDialect } from "./dialect.ts";
import { elementWriter, type Separators, type WriteElements } from "./write-elements.ts";
import { writeString } from "./write-string.ts";

const INLINE: Separators = { first: "", next: ", " };

export function outputsOf(tensors: NamedTensors, dialect: RestDialect | undefined): Output[] {
  return Object.entries(tensors).map(([name, tensor]) => new Output(name, tensor, dialect));
}

/** One named tensor and how it is written, by RapidJSON's pretty printer with arrays on one line (`inline`) or over many. */
export class Output {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly size: number;
  readonly #write: WriteElements;

  constructor(name: string, tensor: Tensor, dialect: RestDialect | undefined) {
    this.name = name;
    this.dtype = tensor.dtype;
    this.shape = tensor.shape;
    this.size = elementCount(tensor.shape);
    this.#write = elementWriter(tensor, name.endsWith("_bytes"), dialect);
  }

  writeKey(out: ByteWriter, depth: number): void {
    out.ascii(indent(depth));
    writeString(out, new TextEncoder().encode(this.name));
    out.ascii(": ");
  }

  /** The part of the tensor that starts at dimension `level` and flat index `from`; `depth` brackets are open around it. */
  writeValue(out: ByteWriter, level: number, from: number, depth: number, inline: boolean): void {
    if (level === this.shape.length) {
      this.#write(out, from, from + 1, INLINE, depth);
      return;
    }
    out.ascii("[");
    this.writeItems(out, level, from, depth + 1, inline);
    out.ascii(inline || this.shape[level] === 0 ? "]" : `${indent(depth)}]`);
  }

  /** The items of one array, without its brackets. */
  writeItems(out: ByteWriter, level: number, from: number, depth: number, inline: boolean): void {
    const separators = inline ? INLINE : { first: indent(depth), next: `,${indent(depth)}` };
    const count = this.shape[level] ?? 0;
    if (level === this.shape.length - 1) {
      this.#write(out, from, from + count, separators, depth);
      return;
    }
    const stride = elementCount(this.shape.slice(level + 1));
    for (let item = 0; item < count; item++) {
      out.ascii(item === 0 ? separators.first : separators.next);
      this.writeValue(out, level + 1, from + item * stride, depth, inline);
    }
  }
}

/** A line break and the indentation inside `depth` brackets. */
export function indent(depth: number): string {
  return `\n${"    ".repeat(depth)}`;
}
