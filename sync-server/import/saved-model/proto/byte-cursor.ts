import { AshoreError } from "../../../../protocol/errors.ts";

/** Takes varints and spans off the start of bytes. @throws MODEL_MALFORMED by every method where there are too few, naming `what` */
export class ByteCursor {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get left(): number {
    return this.#bytes.byteLength - this.#at;
  }

  /** How many bytes were taken. */
  get taken(): number {
    return this.#at;
  }

  /** An unsigned number of up to 49 bits: no file is as long. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw this.#tooShort();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
    throw new AshoreError("MODEL_MALFORMED", `${this.#what} is damaged: the number at byte ${this.#at} does not end.`);
  }

  /** A view of the next `count` bytes. */
  take(count: number): Uint8Array<ArrayBuffer> {
    if (count > this.left) throw this.#tooShort();
    return this.#bytes.subarray(this.#at, (this.#at += count));
  }

  #tooShort(): AshoreError {
    return new AshoreError("MODEL_MALFORMED", `${this.#what} is damaged: its ${this.#bytes.byteLength} bytes end too early.`);
  }
}
