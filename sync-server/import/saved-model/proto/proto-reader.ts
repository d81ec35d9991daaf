import { Reader } from "protobufjs/minimal.js";
import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";
import type { ReadBudget } from "./read-budget.ts";

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
/** What a message costs more than a field, roughly as memory. */
const MESSAGE_COST = 8;

/**
 * Reads protobuf messages field by field: `message` calls back with each field's number, and the callback takes the value
 * with the method of the field's type, or leaves it, and then it is skipped. So a reader is written down as the fields it
 * wants, and nothing else of the message is kept.
 * @throws MODEL_MALFORMED by every method, for bytes that are no such field
 */
export class ProtoReader {
  readonly #reader: Reader;
  readonly #budget: ReadBudget;
  #end: number;
  #field = 0;
  #type = BYTES;
  #depth = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, budget: ReadBudget) {
    this.#reader = new Reader(bytes);
    this.#budget = budget;
    this.#end = bytes.byteLength;
  }

  /** The whole of the bytes, as a message. */
  all(take: (field: number) => void): void {
    try {
      this.#fields(take);
    } catch (thrown) {
      if (thrown instanceof AshoreError) throw thrown;
      throw this.#malformed(thrown instanceof Error ? thrown.message : String(thrown), thrown);
    }
  }

  /** The field's value, which is a message. */
  message(take: (field: number) => void): void {
    const end = this.#span();
    const outer = this.#end;
    this.#budget.field(MESSAGE_COST);
    if (++this.#depth > LIMITS.protoDepth) throw this.#malformed(`messages in messages more than ${LIMITS.protoDepth} deep`);
    this.#end = end;
    this.#fields(take);
    this.#end = outer;
    this.#depth--;
  }

  /** An entry of a map from text: the key, and what `value` reads. */
  entry<Value>(value: () => Value, absent: () => Value): [key: string, value: Value] {
    let key = "";
    let read: { readonly value: Value } | undefined;
    this.message((field) => {
      if (field === 1) key = this.string();
      else if (field === 2) read = { value: value() };
    });
    return [key, read === undefined ? absent() : read.value];
  }

  string(): string {
    this.#span(false);
    return this.#reader.string();
  }

  /** A view into the file, no copy. */
  bytes(): Uint8Array<ArrayBuffer> {
    const end = this.#span();
    const bytes = this.#reader.raw(this.#reader.pos, end);
    this.#reader.pos = end;
    // The reader was made of a Uint8Array<ArrayBuffer>, and `raw` gives a view into it.
    return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  }

  /** An int32, an enum's number, or any integer that JavaScript holds exactly. */
  int(): number {
    return Number(this.int64());
  }

  int64(): bigint {
    this.#expect(VARINT);
    const { low, high } = this.#reader.int64();
    return (BigInt(high) << 32n) | BigInt(low >>> 0);
  }

  bool(): boolean {
    this.#expect(VARINT);
    return this.#reader.bool();
  }

  float(): number {
    this.#expect(FIXED32);
    return this.#reader.float();
  }

  fixed32(): number {
    this.#expect(FIXED32);
    return this.#reader.fixed32();
  }

  double(): number {
    this.#expect(FIXED64);
    return this.#reader.double();
  }

  /** The elements of a repeated number field, which may be packed into one field or not; `each` takes one of them. */
  packed(type: "varint" | "fixed32" | "fixed64", each: () => void): void {
    if (this.#type !== BYTES) return each();
    const end = this.#span();
    const outer = this.#end;
    this.#end = end;
    this.#type = { varint: VARINT, fixed32: FIXED32, fixed64: FIXED64 }[type];
    while (this.#reader.pos < end) {
      this.#budget.field();
      each();
      if (this.#reader.pos > end) throw this.#malformed("its list ends within an element");
    }
    this.#end = outer;
    this.#type = BYTES;
  }

  #fields(take: (field: number) => void): void {
    const reader = this.#reader;
    const end = this.#end;
    while (reader.pos < end) {
      this.#budget.field();
      const tag = reader.tag();
      const at = reader.pos;
      this.#field = tag >>> 3;
      this.#type = tag & 7;
      take(this.#field);
      if (reader.pos === at) reader.skipType(tag & 7, 0, tag >>> 3);
      if (reader.pos > end) throw this.#malformed("it ends beyond the message that it is in");
    }
  }

  /** Where the value ends whose length comes next; goes past the length unless `enter` is false. */
  #span(enter = true): number {
    this.#expect(BYTES);
    const start = this.#reader.pos;
    const end = this.#reader.size() + this.#reader.pos;
    if (end > this.#end) throw this.#malformed("its length leads beyond the message that it is in");
    if (!enter) this.#reader.pos = start;
    return end;
  }

  #expect(type: number): void {
    if (this.#type !== type) throw this.#malformed(`its wire type is ${this.#type}, not ${type}`);
  }

  #malformed(why: string, cause?: unknown): AshoreError {
    return new AshoreError("MODEL_MALFORMED", `${this.#budget.what} is damaged or no protobuf of this kind: at byte ${this.#reader.pos}, field ${this.#field}: ${why}.`, { cause });
  }
}
