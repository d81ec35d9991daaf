import { asAshoreError, AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type Cancel, type HostRequest, type HostValues, type RequestEnvelope } from "../protocol/messages.ts";
import type { AnswerPort, Locks, OpenChannel, Target, Timers } from "./ports.ts";
import { errorOf, readAnswer, readValue } from "./read-answer.ts";
import type { WithSignal } from "./types.ts";

type RequestType = HostRequest["type"];
export type RequestOf<T extends RequestType> = Extract<HostRequest, { readonly type: T }>;

export interface RequestPorts {
  readonly target: Target;
  readonly locks: Locks;
  readonly timers: Timers;
  readonly openChannel: OpenChannel;
}

export interface AskOptions extends WithSignal {
  /** Buffers to give away with the request, which can be asked only once then. */
  readonly transfer?: readonly object[] | undefined;
}

/** Asks the worker, and says what it answers. */
export type Ask = <T extends RequestType>(request: RequestOf<T>, options?: AskOptions) => Promise<HostValues[T]>;

/** A request that was not answered yet. */
interface Pending {
  readonly request: HostRequest;
  readonly transfer: readonly object[];
  port: AnswerPort | undefined;
  /** Which worker's life has it. */
  life: string | undefined;
  isPosted: boolean;
  deaths: number;
  readonly done: (value: unknown) => void;
  readonly fail: (error: AshoreError) => void;
}

/**
 * Asks the worker that hosts the runtime, and asks again when it died: workers are stopped by browsers at any time and say
 * nothing then. Every answer names the Web Lock that its worker holds while it lives; waiting for that lock tells of its
 * death. What was under way then is asked of the next worker: every request may be asked twice.
 */
export class Requests {
  readonly #ports: RequestPorts;
  readonly #pending = new Set<Pending>();
  /** The lives that are known, with what ends the wait for their death. */
  readonly #lives = new Map<string, AbortController>();
  #closed: AshoreError | undefined;
  #greet: (() => void) | undefined;
  #isGreeted = true;
  #unwatch: (() => void) | undefined;
  /** The life that took a request last, and the protocol that it speaks. */
  life: string | undefined;
  protocol: number | undefined;

  constructor(ports: RequestPorts) {
    this.#ports = ports;
    ports.target.onChange((reason) => {
      // A worker that once lived is known to be dead by its lock alone; until then it answers what it took.
      if (reason !== undefined && this.#lives.size > 0) return;
      this.#anew(undefined, reason);
    });
  }

  /**
   * @throws CANCELLED, DEADLINE_EXCEEDED by the signal, UNAVAILABLE where LIMITS.queuedRequests wait, WORKER_FAILED where workers
   * die over it, PROTOCOL_MISMATCH, INVALID_ARGUMENT for what no message can carry, and what the worker fails with
   */
  readonly ask: Ask = async <T extends RequestType>(request: RequestOf<T>, { signal, transfer = [] }: AskOptions = {}): Promise<HostValues[T]> => {
    if (this.#closed !== undefined) throw this.#closed;
    if (signal?.aborted === true) throw asAshoreError(signal.reason, "CANCELLED");
    if (this.#pending.size >= LIMITS.queuedRequests) throw new AshoreError("UNAVAILABLE", `${LIMITS.queuedRequests} requests wait; ask again later.`);
    let forget: () => void = () => undefined;
    const answered = new Promise<unknown>((done, fail) => {
      const pending: Pending = { request, transfer, port: undefined, life: undefined, isPosted: false, deaths: 0, done, fail };
      const abort = (): void => this.#cancel(pending, asAshoreError(signal?.reason, "CANCELLED"));
      signal?.addEventListener("abort", abort);
      this.#pending.add(pending);
      forget = () => {
        signal?.removeEventListener("abort", abort);
        this.#pending.delete(pending);
        pending.port?.close();
      };
      if (!this.#isGreeted) this.#greetAgain();
      void this.#post(pending);
    });
    try {
      return readValue<T>(request.type, await answered);
    } finally {
      forget();
    }
  };

  /** How to greet a worker that takes over, before anything else is asked of it. */
  greetWith(greet: () => Promise<unknown>): void {
    this.#greet = () =>
      void greet().catch(() => {
        this.#isGreeted = false;
      });
  }

  /** Everything under way, and everything asked later, rejects with the error. */
  close(error: AshoreError): void {
    this.#closed = error;
    for (const pending of [...this.#pending]) this.#cancel(pending, error);
    for (const waiting of this.#lives.values()) waiting.abort();
    this.#unwatch?.();
  }

  async #post(pending: Pending): Promise<void> {
    try {
      const worker = await this.#ports.target.worker();
      if (!this.#pending.has(pending)) return;
      const { port1, port2 } = this.#ports.openChannel();
      pending.port?.close();
      pending.port = port1;
      port1.addEventListener("message", ({ data }) => this.#hear(pending, port1, data));
      port1.start();
      const envelope: RequestEnvelope = { ashore: MESSAGE_PROTOCOL, request: pending.request };
      worker.postMessage(envelope, [port2, ...pending.transfer]);
      pending.isPosted = true;
      this.#watchUntaken();
    } catch (thrown) {
      pending.fail(isClonesFault(thrown) ? new AshoreError("INVALID_ARGUMENT", `The inputs cannot be sent to a worker: ${thrown.message}. Give tensors {dtype, shape, data}, or nested arrays.`, { cause: thrown }) : asAshoreError(thrown, "WORKER_FAILED"));
    }
  }

  #hear(pending: Pending, port: AnswerPort, data: unknown): void {
    if (pending.port !== port) return;
    try {
      const answer = readAnswer(data);
      if (answer.type === "done") pending.done(answer.value);
      else if (answer.type === "failed") pending.fail(errorOf(answer.error));
      else {
        pending.life = this.life = answer.life;
        this.protocol = answer.ashore;
        this.#waitForDeath(answer.life);
        if (answer.ashore !== MESSAGE_PROTOCOL) pending.fail(otherProtocol(answer.ashore));
      }
    } catch (thrown) {
      pending.fail(asAshoreError(thrown));
    }
  }

  /** Where locks are refused (a sandboxed frame), deaths go unheard. */
  #waitForDeath(life: string): void {
    if (this.#lives.has(life)) return;
    this.#unwatch?.();
    const waiting = new AbortController();
    this.#lives.set(life, waiting);
    this.#ports.locks
      .request(life, { mode: "shared", signal: waiting.signal }, () => undefined)
      .then(
        () => {
          this.#lives.delete(life);
          this.#ports.target.ended();
          this.#anew(life);
        },
        () => undefined,
      );
  }

  /** Asks the worker that is in charge now what the one before it did not take, and what it took in the life that ended. */
  #anew(endedLife: string | undefined, reason?: Error): void {
    if (this.#closed !== undefined) return;
    if (reason !== undefined) this.#ports.target.ended();
    this.#isGreeted = this.#greet === undefined;
    const again = [...this.#pending].filter((pending) => pending.isPosted && (pending.life === undefined || pending.life === endedLife));
    // Where nobody waits the next request greets: a greeting now would keep waking a worker that the browser has just let go.
    if (this.#pending.size > 0 && !this.#isGreeted) this.#greetAgain();
    for (const pending of again) {
      pending.deaths += 1;
      pending.isPosted = false;
      pending.life = undefined;
      if (pending.transfer.length > 0) pending.fail(new AshoreError("WORKER_FAILED", "The worker was stopped; `transfer` gave the inputs away, so it cannot be asked again."));
      else if (pending.deaths >= LIMITS.workerLives) pending.fail(givenUp(pending, reason));
      else void this.#post(pending);
    }
  }

  #greetAgain(): void {
    this.#isGreeted = true;
    // A greeting that no worker took yet goes to the next one by itself.
    const isUnderWay = [...this.#pending].some(({ request, life }) => request.type === "hello" && life === undefined);
    if (!isUnderWay) this.#greet?.();
  }

  /** While no life is known, a worker may have died before it took a request: then only asking again helps. */
  #watchUntaken(): void {
    if (this.#lives.size > 0) return;
    this.#unwatch?.();
    this.#unwatch = this.#ports.timers.after(LIMITS.workerTakesMs / 2, () => {
      if (this.#lives.size > 0) return;
      for (const pending of this.#pending) {
        if (pending.isPosted && pending.life === undefined && pending.transfer.length === 0) void this.#post(pending);
      }
    });
  }

  #cancel(pending: Pending, error: AshoreError): void {
    const cancel: Cancel = { type: "cancel", error: { code: error.code, message: error.message, causes: [] } };
    pending.port?.postMessage(cancel);
    pending.fail(error);
  }
}

function isClonesFault(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === "DataCloneError";
}

function givenUp({ request, deaths }: Pending, reason: Error | undefined): AshoreError {
  return reason === undefined
    ? new AshoreError("WORKER_FAILED", `"${request.type}" is given up: its worker was stopped ${deaths} times, as browsers do where memory is short.`)
    : new AshoreError("WORKER_FAILED", `The worker does not start: ${reason.message}`, { cause: reason });
}

function otherProtocol(theirs: number): AshoreError {
  const remedy = theirs > MESSAGE_PROTOCOL ? "The page is of an older release: reload it" : "The worker is of an older release: serve both scripts from one release, and reload";
  return new AshoreError("PROTOCOL_MISMATCH", `The page speaks protocol ${MESSAGE_PROTOCOL} of Ashore, its worker ${theirs}. ${remedy}.`);
}
