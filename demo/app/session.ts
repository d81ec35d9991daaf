import type { Ashore, Answer, Watched } from "ashore";
import { Asking } from "./asking.ts";
import { loadAshore } from "./load-ashore.ts";
import { codeOf } from "./error-words.ts";

const MODEL = "digits";
/** How often the page sees whether the server is still there, in milliseconds. */
const LOOK_EVERY = 5_000;

export interface SessionEvents {
  readonly onConnected: (ashore: Ashore) => void;
  readonly onWatched: (watched: Watched) => void;
  readonly onReady: () => void;
  readonly onAnswer: (answer: Answer, ms: number) => void;
  readonly onFailure: (thrown: unknown) => void;
  /** Whether the server could be reached just now. */
  readonly onReach: (reached: boolean) => void;
}

/** One connection to the runtime, from `connect` to `close`. */
export class Session {
  readonly #ashore: Ashore;
  readonly #asking: Asking;
  readonly #ended: AbortController;
  readonly #events: SessionEvents;
  readonly #onNetwork = (): void => void this.look();
  readonly #timer: number;
  #looks = 0;

  /** Resolves when the model answers. @throws what `connect` and `ready` throw */
  static async open(ink: () => Float32Array<ArrayBuffer>, events: SessionEvents): Promise<Session> {
    const ended = new AbortController();
    const { signal } = ended;
    const { connect } = await loadAshore();
    const ashore = await connect({ models: [MODEL] });
    events.onConnected(ashore);
    const model = ashore.model(MODEL);
    void follow(model.watch({ signal }), events, signal);
    try {
      await model.ready({ signal });
    } catch (thrown) {
      ended.abort();
      await ashore.close();
      throw thrown;
    }
    events.onReady();
    return new Session(ashore, ended, new Asking(model, ink, events), events);
  }

  private constructor(ashore: Ashore, ended: AbortController, asking: Asking, events: SessionEvents) {
    this.#ashore = ashore;
    this.#ended = ended;
    this.#asking = asking;
    this.#events = events;
    this.#timer = window.setInterval(() => {
      if (!document.hidden && this.#looks === 0) void this.look();
    }, LOOK_EVERY);
    for (const change of ["online", "offline"]) addEventListener(change, this.#onNetwork);
    void this.look();
  }

  ask(): void {
    this.#asking.now();
  }

  /** Looks for news at the server, and so whether it is there. */
  async look(): Promise<void> {
    this.#looks += 1;
    try {
      await this.#ashore.sync({ signal: this.#ended.signal });
      this.#events.onReach(true);
    } catch (thrown) {
      if (!this.#ended.signal.aborted) this.#events.onReach(!["NETWORK_FAILED", "UNAVAILABLE", "SLOW_RETRIEVAL"].includes(codeOf(thrown) ?? ""));
    } finally {
      this.#looks -= 1;
    }
  }

  async storedBytes(): Promise<{ readonly bytes: number; readonly versions: readonly number[] }> {
    const stored = await this.#ashore.stored({ signal: this.#ended.signal });
    const model = stored.find(({ name }) => name === MODEL);
    return { bytes: model?.bytes ?? 0, versions: model?.versions.map(({ version }) => Number(version)).sort((a, b) => a - b) ?? [] };
  }

  /** Deletes the model from this device. It comes back when a page connects for it again. */
  async remove(): Promise<void> {
    this.#asking.end();
    await this.#ashore.remove(MODEL);
    await this.close();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    for (const change of ["online", "offline"]) removeEventListener(change, this.#onNetwork);
    this.#asking.end();
    this.#ended.abort();
    await this.#ashore.close();
  }
}

async function follow(watched: AsyncIterable<Watched>, { onWatched, onFailure }: SessionEvents, signal: AbortSignal): Promise<void> {
  try {
    for await (const one of watched) onWatched(one);
  } catch (thrown) {
    if (!signal.aborted) onFailure(thrown);
  }
}
