import type { Cancel, HostNews, HostRequest, HostValues, RequestEnvelope } from "../../../protocol/messages.ts";
import { MESSAGE_PROTOCOL } from "../../../protocol/messages.ts";
import { toWireError } from "../../../protocol/errors.ts";
import type { Connection } from "../../../client/connection.ts";
import { News } from "../../../client/news.ts";
import type { AnswerPort, Locks, PageLife, Postable, Target } from "../../../client/ports.ts";
import type { Ask, AskOptions, RequestOf } from "../../../client/requests.ts";
import type { Asker } from "../../../client/rounds.ts";

type Listener = (event: { readonly data: unknown }) => void;

/** One side of a channel in this thread: messages are cloned, and come one task later, as a platform's do. */
class FakePort implements AnswerPort {
  other: FakePort | undefined;
  #listener: Listener | undefined;
  #isClosed = false;

  postMessage(message: unknown): void {
    const data: unknown = structuredClone(message);
    setImmediate(() => this.other?.hear(data));
  }

  hear(data: unknown): void {
    if (!this.#isClosed) this.#listener?.({ data });
  }

  addEventListener(_: "message", listener: Listener): void {
    this.#listener = listener;
  }

  start(): void {}

  close(): void {
    this.#isClosed = true;
  }
}

export function openFakeChannel(): { readonly port1: FakePort; readonly port2: FakePort } {
  const [port1, port2] = [new FakePort(), new FakePort()];
  port1.other = port2;
  port2.other = port1;
  return { port1, port2 };
}

/** A request that reached a fake worker, and how the worker answers it. */
export class Arrived {
  readonly request: HostRequest;
  readonly ashore: number;
  readonly cancelled: Promise<Cancel>;
  readonly #port: FakePort;

  constructor({ ashore, request }: RequestEnvelope, port: FakePort) {
    this.ashore = ashore;
    this.request = request;
    this.#port = port;
    this.cancelled = new Promise((resolve) => port.addEventListener("message", ({ data }) => resolve(data as Cancel)));
  }

  say(answer: unknown): this {
    this.#port.postMessage(answer);
    return this;
  }

  take(life = "life 1", ashore = MESSAGE_PROTOCOL): this {
    return this.say({ type: "taken", ashore, life });
  }

  done(value: unknown): this {
    return this.say({ type: "done", value });
  }

  fail(error: unknown): this {
    return this.say({ type: "failed", error: toWireError(error) });
  }
}

/** Workers in a row, as a registration has them; `arrived` and `next` see what is posted to whichever is in charge. */
export class FakeTarget implements Target {
  readonly arrived: Arrived[] = [];
  endings = 0;
  renewals = 0;
  isRenewable = false;
  #waiting: ((arrived: Arrived) => void)[] = [];
  #seen = 0;
  #listener: (reason?: Error) => void = () => undefined;
  failure: Error | undefined;

  readonly #worker: Postable = {
    postMessage: (message, [port, ...transfer]) => {
      const envelope = structuredClone(message as RequestEnvelope, { transfer: transfer as ArrayBuffer[] });
      const arrived = new Arrived(envelope, port as FakePort);
      this.arrived.push(arrived);
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) {
        this.#seen += 1;
        waiting(arrived);
      }
    },
  };

  async worker(): Promise<Postable> {
    if (this.failure !== undefined) throw this.failure;
    return this.#worker;
  }

  /** The next request that was not seen yet. */
  next(): Promise<Arrived> {
    const arrived = this.arrived[this.#seen];
    if (arrived === undefined) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#seen += 1;
    return Promise.resolve(arrived);
  }

  onChange(listener: (reason?: Error) => void): void {
    this.#listener = listener;
  }

  change(reason?: Error): void {
    this.#listener(reason);
  }

  ended(): void {
    this.endings += 1;
  }

  renew(): Promise<boolean> {
    this.renewals += 1;
    return Promise.resolve(this.isRenewable);
  }

  close(): void {}
}

/** Locks that fake workers hold until they die. */
export class FakeLocks implements Locks {
  readonly #waiting = new Map<string, () => void>();

  request(name: string, { signal }: { readonly signal: AbortSignal }, callback: () => void): Promise<unknown> {
    return new Promise<void>((resolve, reject) => {
      const granted = (): void => {
        callback();
        resolve();
      };
      this.#waiting.set(name, granted);
      signal.addEventListener("abort", () => {
        this.#waiting.delete(name);
        reject(signal.reason as Error);
      });
    });
  }

  get waited(): readonly string[] {
    return [...this.#waiting.keys()];
  }

  /** The worker of that life is stopped. */
  die(life: string): void {
    this.#waiting.get(life)?.();
    this.#waiting.delete(life);
  }
}

/** A page whose time passes when the test says so. */
export class FakePage implements PageLife {
  isHiddenNow = false;
  randomNow = 0;
  #now = 0;
  #timers: { readonly at: number; readonly run: () => void }[] = [];
  #idle: (() => void)[] = [];
  #wake: (() => void)[] = [];

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((one) => one !== timer));
  }

  /** How long until each timer that is set. */
  get delays(): readonly number[] {
    return this.#timers.map(({ at }) => at - this.#now);
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { run } of due) run();
  }

  random(): number {
    return this.randomNow;
  }

  isHidden(): boolean {
    return this.isHiddenNow;
  }

  onWake(listener: () => void): () => void {
    this.#wake.push(listener);
    return () => (this.#wake = this.#wake.filter((one) => one !== listener));
  }

  wake(): void {
    for (const listener of this.#wake) listener();
  }

  get listeners(): number {
    return this.#wake.length;
  }

  whenIdle(run: () => void): () => void {
    this.#idle.push(run);
    return () => (this.#idle = this.#idle.filter((one) => one !== run));
  }

  idle(): void {
    for (const run of this.#idle.splice(0)) run();
  }
}

/** News that a test tells. */
export function fakeNews(): { readonly news: News; readonly tell: (news: HostNews | { readonly type: string }) => void } {
  const { port1, port2 } = openFakeChannel();
  return { news: new News(port1), tell: (news) => port2.other?.hear(news) };
}

/** Asks a function instead of a worker; `asked` is what it was asked. */
export class FakeAsker implements Asker {
  readonly asked: HostRequest[] = [];
  life: string | undefined = "life 1";
  readonly #answer: (request: HostRequest, options: AskOptions) => unknown;
  #waiting: (() => void)[] = [];

  constructor(answer: (request: HostRequest, options: AskOptions) => unknown) {
    this.#answer = answer;
  }

  readonly ask: Ask = async <T extends HostRequest["type"]>(request: RequestOf<T>, options: AskOptions = {}) => {
    this.asked.push(request);
    for (const wake of this.#waiting.splice(0)) wake();
    return (await this.#answer(request, options)) as HostValues[T];
  };

  get types(): readonly string[] {
    return this.asked.map(({ type }) => type);
  }

  /** Resolves when that many requests were asked. */
  async until(count: number): Promise<void> {
    while (this.asked.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** Rejects when the signal is aborted, as `ask` does. */
export function forever({ signal }: AskOptions): Promise<never> {
  return new Promise((_, reject) => {
    const abort = (): void => reject(signal?.reason as Error);
    if (signal?.aborted === true) abort();
    signal?.addEventListener("abort", abort);
  });
}

/** Black images of the size that a source has; pixels as they are. */
export const fakePixels: Connection["readPixels"] = async (source) => {
  if ("data" in source) return source;
  const { width, height } = source as { readonly width: number; readonly height: number };
  return { width, height, data: new Uint8ClampedArray(4 * width * height) };
};
