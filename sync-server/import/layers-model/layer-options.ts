import { AshoreError } from "../../../protocol/errors.ts";

/** What only training, or another program, reads of a layer's config. */
const NOT_FOR_PREDICTION = /(_initializer|_regularizer|_constraint)$|^(name|trainable|dtype|batch_input_shape|batch_shape|input_shape|input_dtype|input_dim|build_config|optional|ragged|sparse|seed|rng|noise_shape|rate|stddev|momentum|fused|renorm|synchronized|lora_rank|autocast|activity_regularizer)$/;

/** A layer's config, read option by option; in the end, one that was not asked for is an error. */
export class LayerOptions {
  readonly #config: ReadonlyMap<string, unknown>;
  readonly #read = new Set<string>();
  readonly #what: string;

  /** `what` names the layer: `the layer dense_1 (Dense) of …`. */
  constructor(config: Readonly<Record<string, unknown>>, what: string) {
    this.#config = new Map(Object.entries(config));
    this.#what = what;
  }

  text(name: string, otherwise: string): string {
    return this.#take(name, otherwise, (value) => typeof value === "string");
  }

  number(name: string, otherwise: number): number {
    return this.#take(name, otherwise, (value) => typeof value === "number");
  }

  flag(name: string, otherwise: boolean): boolean {
    return this.#take(name, otherwise, (value) => typeof value === "boolean");
  }

  /** `count` whole numbers; one number stands for all of them. */
  numbers(name: string, count: number, otherwise: readonly number[]): readonly number[] {
    const value = this.#take<number | readonly number[]>(name, otherwise, (one) => typeof one === "number" || isNumbers(one));
    const numbers = typeof value === "number" ? new Array<number>(count).fill(value) : value;
    if (numbers.length !== count) throw this.refuse(`has the option ${name} with ${numbers.length} numbers, not ${count}`);
    return numbers;
  }

  list(name: string): readonly number[] {
    return this.#take(name, [], isNumbers);
  }

  /** Any value, for options of several forms. */
  raw(name: string): unknown {
    this.#read.add(name);
    return this.#config.get(name);
  }

  /** The option may be there, with this value only. */
  only(name: string, value: unknown): void {
    const own = this.raw(name);
    if (own !== undefined && own !== null && JSON.stringify(own) !== JSON.stringify(value)) throw this.refuse(`has ${name} ${JSON.stringify(own)}; ${JSON.stringify(value)} is taken`);
  }

  /** @throws MODEL_MALFORMED naming an option that was not read and changes what the layer computes */
  done(): void {
    for (const [name, value] of this.#config) {
      if (!this.#read.has(name) && value !== null && value !== undefined && !NOT_FOR_PREDICTION.test(name)) throw this.refuse(`has the option ${name}: ${JSON.stringify(value)}, which is not known here`);
    }
  }

  refuse(why: string): AshoreError {
    return new AshoreError("MODEL_MALFORMED", `${this.#what} ${why}. Convert the Keras model with tensorflowjs_converter --output_format=tfjs_graph_model, or export it as a SavedModel.`);
  }

  #take<Value>(name: string, otherwise: Value, fits: (value: unknown) => boolean): Value {
    const value = this.raw(name);
    if (value === undefined || value === null) return otherwise;
    if (!fits(value)) throw this.refuse(`has ${name} ${JSON.stringify(value)}, which makes no sense`);
    // `fits` is the check of `Value`'s type.
    return value as Value;
  }
}

function isNumbers(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((one) => typeof one === "number");
}
