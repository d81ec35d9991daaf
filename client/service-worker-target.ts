import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type RequestEnvelope } from "../protocol/messages.ts";
import type { Postable, Target, Timers } from "./ports.ts";
import { readAnswer } from "./read-answer.ts";

export interface ServiceWorkerTargetOptions {
  readonly container: ServiceWorkerContainer;
  readonly timers: Timers;
  /** Absolute URLs. */
  readonly script: string;
  readonly scope: string;
}

/**
 * The service worker of a scope: registered by us, or one of the app's own, which is asked and never replaced. Requests go to
 * the registration's active worker, whether it controls this page or not: a forced reload leaves a page without controller.
 * The first worker of a scope is asked before it is active, as there is none whose store it could disturb.
 *
 * A new version of the script takes over as soon as it is installed, under open pages too, if it speaks our protocol: pages
 * depend on the protocol alone, and the model versions that it answers with come from the same store. The browser waits for
 * the old one to be idle, which under a loop of requests it never is, and asked again it is started again (Chromium 156): so
 * requests are held back meanwhile.
 */
export class ServiceWorkerTarget implements Target {
  readonly #options: ServiceWorkerTargetOptions;
  #registration: ServiceWorkerRegistration | undefined;
  #registering: Promise<ServiceWorkerRegistration> | undefined;
  /** Resolves when a new worker has taken over, or will not. */
  #takingOver: Promise<void> | undefined;
  /** The worker that was posted to last. */
  #last: ServiceWorker | undefined;
  #listener: () => void = () => undefined;
  readonly #closing = new AbortController();

  constructor(options: ServiceWorkerTargetOptions) {
    this.#options = options;
  }

  /** @throws what registering throws: the browser refuses service workers here, or the script does not install */
  async worker(): Promise<Postable> {
    await this.#takingOver;
    let worker = this.#registration && inCharge(this.#registration);
    // Nothing is registered yet, or no longer: people and other code may delete a site's data at any time.
    if (!worker || worker.state === "redundant") {
      const registration = await (this.#registering ??= this.#register().finally(() => (this.#registering = undefined)));
      worker = inCharge(registration);
      if (worker === null) throw new AshoreError("WORKER_FAILED", "It could not be installed; the console says why.");
      this.#follow(registration);
    }
    return (this.#last = worker);
  }

  /** The script of the worker in charge. */
  get script(): string {
    return this.#last?.scriptURL ?? this.#options.script;
  }

  onChange(listener: () => void): void {
    this.#listener = listener;
  }

  /** A service worker that was stopped is started by the next message. */
  ended(): void {}

  async renew(): Promise<boolean> {
    const before = this.#registration?.active;
    await this.#registration?.update().catch(() => undefined);
    const next = this.#registration?.installing ?? this.#registration?.waiting;
    if (!next) return this.#registration?.active !== before;
    if (next.state === "installing") await new Promise((resolve) => next.addEventListener("statechange", resolve, { once: true }));
    if (next.state === "installed") await this.#takeOver(next);
    return this.#registration?.active !== before;
  }

  close(): void {
    this.#closing.abort();
  }

  async #register(): Promise<ServiceWorkerRegistration> {
    const { container, script, scope } = this.#options;
    const there = await container.getRegistration(scope);
    const worker = there && inCharge(there);
    // Another script in exactly this scope is the app's own, with its own life; if it does not answer, that is said.
    if (there?.scope === scope && worker && worker.scriptURL !== script) return there;
    return await container.register(script, { scope });
  }

  /** Hears of every new worker of the registration, and asks one that waits to take over; the app's own decide that by themselves. */
  #follow(registration: ServiceWorkerRegistration): void {
    if (registration === this.#registration) return;
    this.#registration = registration;
    const { signal } = this.#closing;
    const look = (): void => {
      const { installing, waiting } = registration;
      installing?.addEventListener("statechange", look, { signal });
      if (waiting?.scriptURL === this.#options.script) void this.#takeOver(waiting);
      this.#compare();
    };
    registration.addEventListener("updatefound", look, { signal });
    look();
  }

  /** Asks a worker that waits to take over; one that speaks another protocol refuses, and one that is not ours does not answer. */
  #takeOver(worker: ServiceWorker): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    const end = new AbortController();
    const over = new Promise<void>((resolve) => {
      const stop = this.#options.timers.after(LIMITS.takeOverMs, resolve);
      end.signal.addEventListener("abort", stop);
      worker.addEventListener("statechange", () => resolve(), { signal: end.signal });
      port1.onmessage = ({ data }: MessageEvent<unknown>) => {
        if (isRefusal(data)) resolve();
      };
    });
    const takingOver = over.finally(() => {
      end.abort();
      port1.close();
      if (this.#takingOver === takingOver) this.#takingOver = undefined;
      this.#compare();
    });
    const envelope: RequestEnvelope = { ashore: MESSAGE_PROTOCOL, request: { type: "skip-waiting" } };
    worker.postMessage(envelope, [port2]);
    return (this.#takingOver = takingOver);
  }

  #compare(): void {
    const active = this.#registration?.active;
    if (this.#last === undefined || !active || active === this.#last) return;
    this.#last = active;
    this.#listener();
  }
}

function isRefusal(data: unknown): boolean {
  try {
    return readAnswer(data).type === "failed";
  } catch {
    return true;
  }
}

/** The active worker; while a scope gets its first one, that, which answers messages from its first moment on. */
function inCharge({ active, waiting, installing }: ServiceWorkerRegistration): ServiceWorker | null {
  return active ?? waiting ?? installing;
}
