import { asAshoreError, AshoreError, httpStatus } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { HelloValue, HostNews, HostOptions, HostValues, ModelState, PredictValue, StoredModel } from "../protocol/messages.ts";
import type { ModelName } from "../protocol/names.ts";
import type { EngineHost, Ports, PredictRequest, Runtime, RuntimeEvent } from "../runtime/index.ts";
import type { WithSignal } from "../runtime/ports.ts";
import { browserClock } from "./browser-clock.ts";
import { createBrowserRuntime } from "./browser-runtime.ts";
import { openBrowserStores, type BrowserStores } from "./browser-stores.ts";
import { BUILD } from "./build-info.ts";
import { readSettings, settingsAfterHello, settingsAfterRemoval, settingsAtStart, type GivenOptions, type HostSettings } from "./host-options.ts";
import { newsChannelName, toNews } from "./news.ts";
import { predictAtServer } from "./server-predict.ts";
import { within } from "./within.ts";

export interface RuntimeHostOptions {
  readonly host: HelloValue["host"];
  /** The path that names stores and news. */
  readonly scope: string;
  /** `wait` where the one that holds the stores now is about to go; `if-available` to work without writing meanwhile. */
  readonly lock: "wait" | "if-available";
  readonly keepsSite?: boolean | undefined;
  /** What the script says itself. */
  readonly given?: GivenOptions | undefined;
  /** Root metadata that came with the script. */
  readonly root?: Uint8Array<ArrayBuffer> | undefined;
  /** Makes what computes. */
  readonly engine: (options: Pick<HostOptions, "server" | "backends"> & Pick<Ports, "report">) => EngineHost;
  readonly tell: (news: HostNews) => void;
}

interface Running {
  readonly runtime: Runtime;
  /** Resolves when what is stored is loaded, or failed to; never rejects. */
  readonly started: Promise<void>;
}

/**
 * The runtime of one scope, in whatever worker: made at the first event that needs it, from what pages said before, and kept as
 * long as the worker lives. A start that fails is tried again at the next event.
 */
export class RuntimeHost {
  readonly #options: RuntimeHostOptions;
  readonly #given: GivenOptions;
  #stores: Promise<BrowserStores> | undefined;
  #settings: HostSettings | undefined;
  #running: Promise<Running> | undefined;
  #closing: Promise<void> = Promise.resolve();
  /** The look for news begun last, until somebody was told how it ended. */
  #look: Promise<void> | undefined;
  #lookedAt = 0;

  constructor(options: RuntimeHostOptions) {
    this.#options = options;
    this.#given = options.given ?? {};
  }

  /** What this host is to be; undefined while nobody has said. @throws what opening the stores throws */
  async settings(): Promise<HostSettings | undefined> {
    await this.#opened();
    return this.#settings;
  }

  /** {@link settings}, where they are known without waiting. */
  get knownSettings(): HostSettings | undefined {
    return this.#settings;
  }

  /** @throws WORKER_CONFLICT, LIMIT_EXCEEDED, and what opening the stores throws */
  async hello(asked: HostOptions): Promise<HelloValue> {
    const stores = await this.#opened();
    const before = this.#settings;
    const after = settingsAfterHello(before, asked, this.#given);
    if (JSON.stringify(before) !== JSON.stringify(after)) await this.#keep(after);
    if (String(before?.backends) !== String(after.backends)) this.#stop();
    const isRunning = this.#running !== undefined;
    const { runtime } = await this.#run();
    // One that is made now knows them from the settings.
    if (isRunning && (String(before?.models) !== String(after.models) || before?.removed.length !== after.removed.length)) {
      runtime.want(asked.models);
      if (asked.models === "all") runtime.want(before?.removed ?? []);
    }
    const { host, scope, keepsSite = false } = this.#options;
    return { build: BUILD, news: newsChannelName(scope), host, keepsSite, pollSeconds: runtime.pollSeconds(), persisted: stores.persisted };
  }

  /** The runtime; what is loaded from the store still, its requests wait for. @throws FAILED_PRECONDITION while nobody has said what to hold */
  async runtime(): Promise<Runtime> {
    return (await this.#run()).runtime;
  }

  /** @throws what `predict` of the runtime throws; UNAVAILABLE where the server, asked in its place, has no answer either */
  async predict(request: PredictRequest, options: WithSignal = {}): Promise<PredictValue> {
    const { runtime } = await this.#run();
    try {
      return { ...(await runtime.predict(request, options)), servedBy: "device" };
    } catch (thrown) {
      const error = asAshoreError(thrown);
      const { fallback, server } = this.#settings ?? { fallback: "none" };
      if (fallback !== "server" || server === undefined || httpStatus(error.code) !== 503) throw error;
      return await predictAtServer(request, { server, instead: error }, options);
    }
  }

  async models(): Promise<readonly ModelState[]> {
    const { runtime } = await this.#run();
    await runtime.recalled();
    return runtime.models();
  }

  /** As the `sync` of protocol/messages.ts. @throws what the look for news throws */
  async sync({ join = false, due = false }: { readonly join?: boolean; readonly due?: boolean } = {}, options: WithSignal = {}): Promise<HostValues["sync"]> {
    const running = await this.#run();
    let look = this.#look;
    if (due) look = this.#isDue(running) ? (look ?? this.#lookForNews(running)) : undefined;
    else if (!join) look = this.#lookForNews(running);
    const isOver = look === undefined || (await this.#hear(look, options));
    return { more: !isOver, pollSeconds: running.runtime.pollSeconds() };
  }

  /** For a host whose pages may not time polls: looks for news if the last look is too old. Never rejects. */
  async syncIfDue(): Promise<void> {
    try {
      const running = await this.#running;
      if (running === undefined || this.#look !== undefined || !this.#isDue(running)) return;
      // What failed is not tried at every event.
      if (browserClock.now() - this.#lookedAt < running.runtime.pollSeconds() * 1000) return;
      await this.#hear(this.#lookForNews(running), {});
    } catch {
      // The runtime has told it as news.
    }
  }

  async settle({ signal }: WithSignal = {}): Promise<HostValues["settle"]> {
    const { runtime } = await this.#run();
    const over = new AbortController();
    try {
      const settled = runtime.settled({ signal: over.signal });
      settled.catch(() => undefined);
      return { more: !(await within(LIMITS.eventMs, settled, browserClock, { signal })) };
    } finally {
      over.abort();
    }
  }

  async improve(options: WithSignal = {}): Promise<HostValues["improve"]> {
    const { runtime, started } = await this.#run();
    const improved = started.then(() => runtime.improve());
    improved.catch(() => undefined);
    return { more: !(await within(LIMITS.eventMs, improved, browserClock, options)) };
  }

  async stored(options: WithSignal = {}): Promise<readonly StoredModel[]> {
    const { runtime } = await this.#run();
    return await runtime.stored(options);
  }

  async remove(model: ModelName, options: WithSignal = {}): Promise<void> {
    const { runtime } = await this.#run();
    // First, so that a worker that is stopped in between does not load it again.
    if (this.#settings !== undefined) await this.#keep(settingsAfterRemoval(this.#settings, model));
    await runtime.remove(model, options);
  }

  #opened(): Promise<BrowserStores> {
    const opening = (this.#stores ??= this.#open());
    opening.catch(() => {
      if (this.#stores === opening) this.#stores = undefined;
    });
    return opening;
  }

  async #open(): Promise<BrowserStores> {
    const { scope, lock } = this.#options;
    const stores = await openBrowserStores({ scope, lock, report: (event) => this.#report(event) });
    this.#settings = settingsAtStart(readSettings(await stores.settings.read()), this.#given);
    return stores;
  }

  #run(): Promise<Running> {
    const running = (this.#running ??= this.#start());
    running.catch(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }

  async #start(): Promise<Running> {
    const stores = await this.#opened();
    await this.#closing;
    const settings = this.#settings;
    if (settings === undefined) {
      throw new AshoreError("FAILED_PRECONDITION", "This worker does not know yet which models to hold: say so in `serve({server, models})`, or let a page call `connect`.");
    }
    const { server, backends, models, removed } = settings;
    const report = (event: RuntimeEvent): void => this.#report(event);
    const runtime = await createBrowserRuntime({
      stores,
      server,
      models: models === "all" ? models : models.filter((name) => !removed.includes(name)),
      root: this.#options.root,
      engine: this.#options.engine({ server, backends, report }),
      report,
    });
    if (models === "all") for (const name of removed) await runtime.remove(name);
    const started = runtime.start().catch((thrown: unknown) => this.#report({ type: "problem", error: asAshoreError(thrown) }));
    return { runtime, started };
  }

  /** Lets the runtime end what it has begun; the next event makes another. */
  #stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.#look = undefined;
    this.#closing = running.then(({ runtime }) => runtime.close()).catch((thrown: unknown) => this.#report({ type: "problem", error: asAshoreError(thrown) }));
  }

  #isDue({ runtime }: Running): boolean {
    const syncedAt = this.#settings?.syncedAt;
    return syncedAt === undefined || browserClock.now() - syncedAt >= runtime.pollSeconds() * 1000;
  }

  #lookForNews({ runtime, started }: Running): Promise<void> {
    this.#lookedAt = browserClock.now();
    const look = started.then(() => runtime.sync());
    this.#look = look;
    return look;
  }

  /** Whether the look ended within an event's time. */
  async #hear(look: Promise<void>, options: WithSignal): Promise<boolean> {
    // Who hears no end of it asks again, with `join`; until then it fails unheard.
    look.catch(() => undefined);
    let isOver = true;
    try {
      isOver = await within(LIMITS.eventMs, look, browserClock, options);
      return isOver;
    } finally {
      if (isOver && this.#look === look) this.#look = undefined;
    }
  }

  #report(event: RuntimeEvent): void {
    this.#options.tell(toNews(event));
    if (event.type === "sync" && event.ok && this.#settings !== undefined) void this.#keep({ ...this.#settings, syncedAt: browserClock.now() });
  }

  /** A disk that takes no more writes is told, and a stopped worker then knows less; answers go on. */
  async #keep(settings: HostSettings): Promise<void> {
    this.#settings = settings;
    try {
      const stores = await this.#opened();
      await stores.settings.write(settings);
    } catch (thrown) {
      this.#report({ type: "problem", error: asAshoreError(thrown) });
    }
  }
}
