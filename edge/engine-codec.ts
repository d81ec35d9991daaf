import type { EngineTensor, EngineTensors } from "../engine/feeds.ts";
import { fromWireError, toWireError, type AshoreError, type WireError } from "../protocol/errors.ts";
import type { AnswerMessage, RunMessage } from "./engine-messages.ts";
import { TapeReader, TapeWriter } from "./engine-tape.ts";

export interface EngineRequest {
  readonly feeds: EngineTensors;
  readonly fetches: readonly string[];
}

interface Outgoing<T> {
  readonly message: T;
  readonly transfer: ArrayBuffer[];
}

const FAILED = -1;

export class RunWriter {
  readonly #tape = new TapeWriter();

  write(requests: Iterable<EngineRequest>): Outgoing<RunMessage> {
    const numbers = new Map<string, number>();
    const name = (text: string): void => {
      let number = numbers.get(text);
      if (number === undefined) numbers.set(text, (number = numbers.size));
      this.#tape.word(number);
    };
    for (const { feeds, fetches } of requests) {
      this.#tape.word(fetches.length);
      for (const fetch of fetches) name(fetch);
      const fed = Object.keys(feeds);
      this.#tape.word(fed.length);
      for (const feed of fed) {
        const tensor = feeds[feed];
        if (tensor === undefined) continue;
        name(feed);
        this.#tape.tensor(tensor, "copy");
      }
    }
    const { tape, transfer } = this.#tape.take();
    return { message: { type: "run", names: [...numbers.keys()], tape }, transfer };
  }
}

/** The requests of a message, one by one; their tensors' data are views into it. */
export function* readRuns({ names, tape }: RunMessage): Generator<EngineRequest, void, void> {
  const reader = new TapeReader(tape);
  const name = (): string => names[reader.word()] ?? "";
  while (!reader.atEnd) {
    const fetches: string[] = [];
    for (let left = reader.word(); left > 0; left--) fetches.push(name());
    const feeds: Record<string, EngineTensor> = {};
    for (let left = reader.word(); left > 0; left--) feeds[name()] = reader.tensor();
    yield { feeds, fetches };
  }
}

export class AnswerWriter {
  readonly #tape = new TapeWriter();
  #errors: WireError[] = [];

  get isEmpty(): boolean {
    return this.#tape.isEmpty;
  }

  /** Takes the tensors' buffers over. */
  answer(fetches: readonly string[], tensors: EngineTensors): void {
    this.#tape.word(fetches.length);
    for (const fetch of fetches) {
      const tensor = tensors[fetch];
      if (tensor !== undefined) this.#tape.tensor(tensor, "move");
    }
  }

  fail(thrown: unknown): void {
    this.#tape.word(FAILED);
    this.#errors.push(toWireError(thrown));
  }

  take(busyMs: number): Outgoing<AnswerMessage> {
    const { tape, transfer } = this.#tape.take();
    const errors = this.#errors;
    this.#errors = [];
    return { message: { type: "answers", tape, errors, busyMs }, transfer };
  }
}

/** The answers of a message, in the order of their requests; the tensors' data are the caller's own. */
export function* readAnswers({ tape, errors }: AnswerMessage): Generator<readonly EngineTensor[] | AshoreError, void, void> {
  const reader = new TapeReader(tape);
  let failed = 0;
  while (!reader.atEnd) {
    const count = reader.word();
    const error = count === FAILED ? errors[failed++] : undefined;
    if (error !== undefined) yield fromWireError(error);
    else {
      const tensors: EngineTensor[] = [];
      for (let i = 0; i < count; i++) tensors.push(own(reader.tensor()));
      yield tensors;
    }
  }
}

/** A view into a tape would keep all of it. */
function own(tensor: EngineTensor): EngineTensor {
  return tensor.dtype !== "string" && tensor.data.byteLength < tensor.data.buffer.byteLength ? ({ ...tensor, data: tensor.data.slice() } as EngineTensor) : tensor;
}
