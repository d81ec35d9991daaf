import type { MessagePort } from "node:worker_threads";
import type { EnginePort, VisibleLocks, WaitableLocks } from "../../../browser/engine-ports.ts";
import { EngineWorker } from "../../../browser/engine-worker.ts";
import type { AshoreError } from "../../../protocol/errors.ts";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import type { Clock, EngineHost, HostedModel, LoadOptions, ModelBytes } from "../../../runtime/ports.ts";

/** Web Locks whose holders live and die as a test says. */
export class FakeLocks implements WaitableLocks, VisibleLocks {
  readonly #held = new Map<string, (() => void)[]>();

  /** Somebody takes a lock for its life. */
  hold(name: string): string {
    this.#held.set(name, []);
    return name;
  }

  /** The holder dies. */
  free(name: string): void {
    const waiting = this.#held.get(name) ?? [];
    this.#held.delete(name);
    for (const grant of waiting) grant();
  }

  isHeld(name: string): boolean {
    return this.#held.has(name);
  }

  async query(): Promise<{ readonly held: readonly { readonly name: string }[] }> {
    return { held: [...this.#held.keys()].map((name) => ({ name })) };
  }

  request(name: string, { signal }: { readonly signal: AbortSignal }, granted: () => void): Promise<unknown> {
    return new Promise<void>((resolve, reject) => {
      const waiting = this.#held.get(name);
      if (signal.aborted) reject(signal.reason as Error);
      else if (waiting === undefined) resolve(granted());
      else {
        waiting.push(() => resolve(granted()));
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      }
    });
  }
}

/** A clock that a test puts on. */
export class FakeClock implements Clock {
  #now = 1_000_000;
  #sleeping = new Set<{ readonly until: number; readonly wake: () => void }>();

  now(): number {
    return this.#now;
  }

  sleep(ms: number, { signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      const sleeper = { until: this.#now + ms, wake: resolve };
      this.#sleeping.add(sleeper);
      signal?.addEventListener("abort", () => {
        this.#sleeping.delete(sleeper);
        reject(signal.reason as Error);
      });
    });
  }

  /** How many sleep now. */
  get sleepers(): number {
    return this.#sleeping.size;
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const sleeper of this.#sleeping) {
      if (sleeper.until > this.#now) continue;
      this.#sleeping.delete(sleeper);
      sleeper.wake();
    }
  }
}

export interface Computation {
  readonly feeds: NamedTensors;
  answer(value: number): void;
  fail(error: AshoreError): void;
}

/** An engine that computes what a test tells it, when the test says. */
export class FakeEngine implements EngineHost {
  readonly backends = ["wasm", "cpu"] as const;
  readonly loads: { readonly model: ModelBytes; readonly options: LoadOptions }[] = [];
  readonly computations: Computation[] = [];
  closed = false;
  /** What a load does instead. */
  refuse: (() => never) | undefined;
  lose: (reason: AshoreError) => void = () => {};
  #next: (() => void)[] = [];

  async load(model: ModelBytes, options: LoadOptions): Promise<HostedModel> {
    this.loads.push({ model, options });
    this.refuse?.();
    return {
      backend: options.backend,
      lost: new Promise((resolve) => {
        this.lose = resolve;
      }),
      run: (feeds, [fetch = ""]) =>
        new Promise((resolve, reject) => {
          const answer = (value: number): void => resolve({ [fetch]: { dtype: "float32", shape: [1], data: Float32Array.of(value) } });
          this.computations.push({ feeds, answer, fail: reject });
          for (const hear of this.#next.splice(0)) hear();
        }),
      close: async () => {},
    };
  }

  /** The computation of that number, once it is begun. */
  async computation(at: number): Promise<Computation> {
    for (;;) {
      const computation = this.computations[at];
      if (computation !== undefined) return computation;
      await new Promise<void>((resolve) => this.#next.push(resolve));
    }
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

/** A worker of a page, as far as it has an end: its lock is freed, and it hears nothing any more. */
export class FakePageWorker {
  readonly engine = new FakeEngine();
  readonly worker: EngineWorker;
  readonly life: string;
  readonly #locks: FakeLocks;
  readonly #ports: MessagePort[] = [];
  #shown: string | undefined;

  constructor(locks: FakeLocks, port: MessagePort, { owner, threads = 1, clock = new FakeClock() }: { readonly owner: string; readonly threads?: number; readonly clock?: FakeClock }) {
    this.#locks = locks;
    this.life = locks.hold(`life of ${crypto.randomUUID()}`);
    this.worker = new EngineWorker({
      life: Promise.resolve(this.life),
      locks,
      clock,
      engine: this.engine,
      threads: () => threads,
      // Node reads its ports between the two.
      turn: () => new Promise((resolve) => setImmediate(() => setImmediate(resolve))),
      show: async (engine) => {
        this.#shown = locks.hold(engine);
      },
      end: () => this.die(),
    });
    this.serve(port, owner);
  }

  /** Its page hands it a port. */
  serve(port: MessagePort, owner: string): void {
    this.#ports.push(port);
    this.worker.serve(enginePort(port), owner);
  }

  get isAlive(): boolean {
    return this.#locks.isHeld(this.life);
  }

  die(): void {
    for (const port of this.#ports) {
      port.removeAllListeners();
      port.unref();
    }
    if (this.#shown !== undefined) this.#locks.free(this.#shown);
    this.#locks.free(this.life);
  }
}

/** Node's port as a browser's. */
export function enginePort(port: MessagePort): EnginePort {
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    addEventListener: (type, listener) => port.on(type, (data: unknown) => listener({ data })),
    start: () => port.start(),
    close: () => port.close(),
  };
}
