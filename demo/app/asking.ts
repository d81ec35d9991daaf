import type { Answer, Model } from "ashore";
import { SIDE } from "./ink.ts";

/** How often the model is asked while the page is visible, in milliseconds; more often while somebody draws. */
const EVERY = 100;

export interface AskingEvents {
  readonly onAnswer: (answer: Answer, ms: number) => void;
  readonly onFailure: (thrown: unknown) => void;
}

/** Asks a model about what is on the sheet, again and again, one question at a time, while the page is visible. */
export class Asking {
  readonly #model: Model;
  readonly #ink: () => Float32Array<ArrayBuffer>;
  readonly #events: AskingEvents;
  readonly #ended = new AbortController();
  readonly #timer: number;
  #busy = false;
  #asked = false;

  /** @param ink what is on the sheet, 28 x 28 */
  constructor(model: Model, ink: () => Float32Array<ArrayBuffer>, events: AskingEvents) {
    this.#model = model;
    this.#ink = ink;
    this.#events = events;
    this.#timer = window.setInterval(() => this.now(), EVERY);
  }

  /** Asks at once, or as soon as the question under way is answered. */
  now(): void {
    if (this.#ended.signal.aborted || document.hidden) return;
    if (this.#busy) {
      this.#asked = true;
      return;
    }
    this.#busy = true;
    this.#asked = false;
    void this.#ask().finally(() => {
      this.#busy = false;
      if (this.#asked) this.now();
    });
  }

  end(): void {
    clearInterval(this.#timer);
    this.#ended.abort();
  }

  async #ask(): Promise<void> {
    const { signal } = this.#ended;
    const started = performance.now();
    try {
      const answer = await this.#model.predict({ image: { dtype: "float32", shape: [1, SIDE, SIDE, 1], data: this.#ink() } }, { signal });
      if (!signal.aborted) this.#events.onAnswer(answer, performance.now() - started);
    } catch (thrown) {
      if (!signal.aborted) this.#events.onFailure(thrown);
    }
  }
}
