import { asAshoreError, AshoreError, httpStatus } from "../protocol/errors.ts";
import { LIMITS } from "../protocol/limits.ts";
import type { HelloValue, HostNews, HostOptions, HostValues, ModelState, PredictValue, StoredModel } from "../protocol/messages.ts";
import type { ModelName } from "../protocol/names.ts";
import type { Ports, PredictRequest, Runtime, RuntimeEvent, RuntimeOptions } from "../runtime/index.ts";
import type { Clock, WithSignal } from "../runtime/ports.ts";
import { BUILD } from "./build-info.ts";
import { readSettings, settingsAfterHello, settingsAfterRemoval, settingsAtStart, type GivenOptions, type HostSettings } from "./host-options.ts";
import { newsChannelName, toNews } from "./news.ts";
import { predictAtServer } from "./server-predict.ts";
import { within } from "./within.ts";

/** What a host keeps of its own. */
export interface HostStore {
  readonly settings: { read(): Promise<unknown>; write(value: unknown): Promise<void> };
  readonly persisted: boolean;
}

/** What a runtime is made of; the store is the one that the host opened. */
export interface HostedRuntimeOptions<Store extends HostStore> extends Pick<RuntimeOptions, "server" | "models"> {
  readonly backends: HostOptions["backends"];
  readonly store: Store;
  readonly report: Ports["report"];
}

export interface RuntimeHostOptions<Store extends HostStore> {
  readonly host: HelloValue["host"];
  /** The path that names stores and news. */
  readonly scope: string;
  readonly keepsSite?: boolean | undefined;
  /** What the script says itself. */
  readonly given?: GivenOptions | undefined;
  readonly clock: Clock;
  /** Opens what this host keeps; called again after it failed. */
  readonly openStore: (report: Ports["report"]) => Promise<Store>;
  /** @throws STORE_FAILED */
  readonly createRuntime: (options: HostedRuntimeOptions<Store>) => Promise<Runtime>;
  /** What a request to the server carries for an input. Default: the input, which may not be an image then. */
  readonly encodeInput?: ((value: unknown) => Promise<unknown>) | undefined;
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
export class RuntimeHost<Store extends HostStore = HostStore> {
  readonly #options: RuntimeHostOptions<Store>;
  readonly #given: GivenOptions;
  #store: Promise<Store> | undefined;
  #settings: HostSettings | undefined;
  #running: Promise<Running> | undefined;
  #closing: Promise<void> = Promise.resolve();
  /** The look for news begun last, until somebody was told how it ended. */
  #look: Promise<void> | undefined;
  #lookedAt = 0;

  constructor(options: RuntimeHostOptions<Store>) {
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
    const store = await this.#opened();
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
    return { build: BUILD, news: newsChannelName(scope), host, keepsSite, pollSeconds: runtime.pollSeconds(), persisted: store.persisted };
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
      return await predictAtServer(request, { server, instead: error, encodeInput: this.#options.encodeInput ?? ((value) => Promise.resolve(value)) }, options);
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
      if (this.#options.clock.now() - this.#lookedAt < running.runtime.pollSeconds() * 1000) return;
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
      return { more: !(await within(LIMITS.eventMs, settled, this.#options.clock, { signal })) };
    } finally {
      over.abort();
    }
  }

  async improve(options: WithSignal = {}): Promise<HostValues["improve"]> {
    const { runtime, started } = await this.#run();
    const improved = started.then(() => runtime.improve());
    improved.catch(() => undefined);
    return { more: !(await within(LIMITS.eventMs, improved, this.#options.clock, options)) };
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

  #opened(): Promise<Store> {
    const opening = (this.#store ??= this.#open());
    opening.catch(() => {
      if (this.#store === opening) this.#store = undefined;
    });
    return opening;
  }

  async #open(): Promise<Store> {
    const store = await this.#options.openStore(this.#report);
    this.#settings = settingsAtStart(readSettings(await store.settings.read()), this.#given);
    return store;
  }

  #run(): Promise<Running> {
    const running = (this.#running ??= this.#start());
    running.catch(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return running;
  }

  async #start(): Promise<Running> {
    const store = await this.#opened();
    await this.#closing;
    const settings = this.#settings;
    if (settings === undefined) {
      throw new AshoreError("FAILED_PRECONDITION", "This worker does not know yet which models to hold: say so in `serve({server, models})`, or let a page call `connect`.");
    }
    const { server, backends, models, removed } = settings;
    const runtime = await this.#options.createRuntime({
      server,
      backends,
      models: models === "all" ? models : models.filter((name) => !removed.includes(name)),
      store,
      report: this.#report,
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
    return syncedAt === undefined || this.#options.clock.now() - syncedAt >= runtime.pollSeconds() * 1000;
  }

  #lookForNews({ runtime, started }: Running): Promise<void> {
    this.#lookedAt = this.#options.clock.now();
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
      isOver = await within(LIMITS.eventMs, look, this.#options.clock, options);
      return isOver;
    } finally {
      if (isOver && this.#look === look) this.#look = undefined;
    }
  }

  readonly #report = (event: RuntimeEvent): void => {
    this.#options.tell(toNews(event));
    if (event.type === "sync" && event.ok && this.#settings !== undefined) void this.#keep({ ...this.#settings, syncedAt: this.#options.clock.now() });
  };

  /** A disk that takes no more writes is told, and a stopped worker then knows less; answers go on. */
  async #keep(settings: HostSettings): Promise<void> {
    this.#settings = settings;
    try {
      const store = await this.#opened();
      await store.settings.write(settings);
    } catch (thrown) {
      this.#report({ type: "problem", error: asAshoreError(thrown) });
    }
  }
}
