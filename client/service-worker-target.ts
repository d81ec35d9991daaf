import { Workbox } from "workbox-window";
import { AshoreError } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import { MESSAGE_PROTOCOL, type RequestEnvelope } from "../protocol/messages.ts";
import type { Postable, Target, Timers } from "./ports.ts";

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
 *
 * A new version of the script takes over as soon as it is installed, under open pages too, if it speaks our protocol: pages
 * depend on the protocol alone, and the model versions that it answers with come from the same store.
 */
export class ServiceWorkerTarget implements Target {
  readonly host = "service-worker";
  readonly #options: ServiceWorkerTargetOptions;
  #registration: ServiceWorkerRegistration | undefined;
  #registering: Promise<ServiceWorkerRegistration> | undefined;
  /** The worker that was posted to last. */
  #last: ServiceWorker | undefined;
  #listener: () => void = () => undefined;
  readonly #onChange = (): void => this.#compare();

  constructor(options: ServiceWorkerTargetOptions) {
    this.#options = options;
    options.container.addEventListener("controllerchange", this.#onChange);
  }

  /** @throws what registering throws: the browser refuses service workers here, or the script does not install */
  async worker(): Promise<Postable> {
    let worker = this.#registration?.active;
    // Nothing is registered yet, or no longer: people and other code may delete a site's data at any time.
    if (!worker || worker.state === "redundant") {
      const registration = await (this.#registering ??= this.#register().finally(() => (this.#registering = undefined)));
      worker = await activeOf(registration);
      this.#registration = registration;
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
    return await new Promise((resolve) => {
      const stop = this.#options.timers.after(LIMITS.workerTakesMs, () => resolve(false));
      const look = (): void => {
        if (next.state === "installed") skipWaiting(next);
        if (next.state !== "activated" && next.state !== "redundant") return;
        stop();
        resolve(next.state === "activated");
      };
      next.addEventListener("statechange", look);
      look();
    });
  }

  close(): void {
    this.#listener = () => undefined;
    this.#options.container.removeEventListener("controllerchange", this.#onChange);
  }

  async #register(): Promise<ServiceWorkerRegistration> {
    const { container, script, scope } = this.#options;
    const there = await container.getRegistration(scope);
    const worker = there?.active ?? there?.waiting ?? there?.installing;
    // Another script in exactly this scope is the app's own, with its own life; if it does not answer, that is said.
    if (there?.scope === scope && worker && worker.scriptURL !== script) return there;
    return await this.#follow();
  }

  /** Registers the script, and follows its next version. A `Workbox` follows one that others find; then another must. */
  async #follow(): Promise<ServiceWorkerRegistration> {
    const { script, scope } = this.#options;
    const workbox = new Workbox(script, { scope });
    workbox.addEventListener("waiting", ({ sw }) => {
      sw?.addEventListener("statechange", this.#onChange);
      if (sw !== undefined) skipWaiting(sw);
    });
    workbox.addEventListener("activated", ({ isExternal }) => {
      this.#compare();
      if (isExternal === true) void this.#follow().catch(() => undefined);
    });
    const registration = await workbox.register({ immediate: true });
    if (registration === undefined) throw new AshoreError("WORKER_FAILED", `${script} could not be registered.`);
    return registration;
  }

  #compare(): void {
    const active = this.#registration?.active;
    if (this.#last === undefined || !active || active === this.#last) return;
    this.#last = active;
    this.#listener();
  }
}

/** Asks a worker that waits to take over; one that speaks another protocol refuses, and one that is not ours does not understand. */
function skipWaiting(worker: ServiceWorker): void {
  const envelope: RequestEnvelope = { ashore: MESSAGE_PROTOCOL, request: { type: "skip-waiting" } };
  worker.postMessage(envelope, [new MessageChannel().port2]);
}

/** The registration's active worker, or the one that becomes it. */
async function activeOf(registration: ServiceWorkerRegistration): Promise<ServiceWorker> {
  for (;;) {
    const worker = registration.active ?? registration.waiting ?? registration.installing;
    if (worker === null) throw new AshoreError("WORKER_FAILED", "The service worker could not be installed; the browser's console says why.");
    if (worker === registration.active) return worker;
    await new Promise((resolve) => worker.addEventListener("statechange", resolve, { once: true }));
  }
}
