import { AshoreError } from "../../../../protocol/errors.ts";
import { LIMITS } from "../../../../protocol/limits.ts";

/** What reading one file may cost altogether, however its bytes nest, repeat or promise: a small file cannot ask for much memory. */
export class ReadBudget {
  /** What is read, in words. */
  readonly what: string;
  #fields: number = LIMITS.savedModelFields;
  #tensorBytes: number = LIMITS.constantBytes;

  constructor(what: string) {
    this.what = what;
  }

  /** A field of a protobuf message or an element of a list (1), a message itself (more). @throws LIMIT_EXCEEDED */
  field(cost = 1): void {
    this.#fields -= cost;
    if (this.#fields < 0) throw new AshoreError("LIMIT_EXCEEDED", `${this.what} is too large to be read: it has more than ${LIMITS.savedModelFields} fields and list elements.`);
  }

  /** Memory for a tensor's elements. @throws LIMIT_EXCEEDED */
  tensor(bytes: number): void {
    this.#tensorBytes -= bytes;
    if (!(this.#tensorBytes >= 0)) throw new AshoreError("LIMIT_EXCEEDED", `${this.what} has constants of more than ${LIMITS.constantBytes} bytes; so large ones belong into variables.`);
  }
}
