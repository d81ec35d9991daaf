import type { Postable, Target } from "./ports.ts";

export interface PageTargetOptions {
  readonly script: string;
  /** The first message to each worker. */
  readonly role: unknown;
  /** Why there is no service worker, where one was wanted. */
  readonly refusal?: Error | undefined;
}

/** The page's own worker, started when it is asked first, and again when it died. */
export class PageTarget implements Target {
  readonly #options: PageTargetOptions;
  #worker: Worker | undefined;
  #listener: (reason: Error) => void = () => undefined;

  constructor(options: PageTargetOptions) {
    this.#options = options;
  }

  async worker(): Promise<Postable> {
    return (this.#worker ??= this.#start());
  }

  onChange(listener: (reason?: Error) => void): void {
    this.#listener = listener;
  }

  ended(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  close(): void {
    this.ended();
  }

  #start(): Worker {
    const { script, role } = this.#options;
    try {
      const worker = new Worker(script);
      worker.addEventListener("error", ({ message }: Partial<ErrorEvent>) => {
        if (worker === this.#worker) this.#listener(this.#failure(message || "it is not there, or is no script"));
      });
      worker.postMessage(role);
      return worker;
    } catch (thrown) {
      throw this.#failure(thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  #failure(why: string): Error {
    const { script, refusal } = this.#options;
    const also = refusal === undefined ? "" : ` There is no service worker either: ${refusal.message}`;
    return new Error(`${script}: ${why}.${also}`, refusal === undefined ? undefined : { cause: refusal });
  }
}
