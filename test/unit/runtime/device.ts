import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { nodeClock } from "../../../edge/node-clock.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import type { BlobStore, Clock, EngineHost, HostedModel, JournalStore, RecordStore, RuntimeEvent } from "../../../runtime/ports.ts";
import { createRuntime, type Runtime, type RuntimeOptions } from "../../../runtime/index.ts";
import { memoryBlobs, memoryJournal, memoryRecords } from "../../../runtime/store/index.ts";
import { createStaticFiles } from "../../../sync-server/routes/static-files.ts";
import { staticResponse } from "../../../sync-server/routes/static-response.ts";
import type { Publishing } from "../../support/publishing.ts";

/** A server without a socket: what a publisher has published, as answers to `fetch`. */
export interface TestServer {
  online: boolean;
  /** Paths asked for. */
  readonly asked: string[];
  fetch(url: string, init?: RequestInit): Promise<Response>;
}

export function testServer({ ports }: Publishing): TestServer {
  const server: TestServer = {
    online: true,
    asked: [],
    fetch: async (url, init) => {
      const { pathname } = new URL(url);
      server.asked.push(pathname);
      if (!server.online) throw new TypeError("fetch failed");
      const files = createStaticFiles({ storage: ports.storage, now: () => performance.now() });
      return (await staticResponse(files, new Request(url, init), pathname)) ?? new Response(null, { status: 404 });
    },
  };
  return server;
}

/** What survives a device's restart. */
export interface Disk {
  readonly blobs: BlobStore;
  readonly journal: JournalStore;
  readonly metadata: RecordStore;
}

export function emptyDisk(): Disk {
  return { blobs: memoryBlobs(), journal: memoryJournal(), metadata: memoryRecords() };
}

export interface Device {
  readonly runtime: Runtime;
  readonly events: RuntimeEvent[];
  /** `2 AVAILABLE` and so on, in the order told. */
  readonly states: string[];
  /** Resolves when an event fits, of those told before too. */
  until(fits: (event: RuntimeEvent) => boolean): Promise<RuntimeEvent>;
  untilState(state: string): Promise<void>;
  /** y of one number, and the version that computed it; or the status and the error. */
  ask(x: number, path?: string): Promise<{ readonly status: number; readonly version: string | undefined; readonly y?: number; readonly error?: string }>;
}

export async function testDevice(server: Pick<TestServer, "fetch">, disk: Disk, { engine = createInProcessEngineHost({ backends: ["cpu"] }), clock = nodeClock, ...options }: Partial<RuntimeOptions> & { readonly engine?: EngineHost; readonly clock?: Clock } = {}): Promise<Device> {
  const events: RuntimeEvent[] = [];
  const states: string[] = [];
  let waiters: (() => void)[] = [];
  const report = (event: RuntimeEvent): void => {
    events.push(event);
    if (event.type === "state") states.push(`${event.status.version} ${event.status.state}`);
    const waiting = waiters;
    waiters = [];
    for (const waiter of waiting) waiter();
  };
  const runtime = await createRuntime({
    server: "http://server.test",
    pollSeconds: 3600,
    ...options,
    ports: { ...disk, fetch: server.fetch, clock, random: (count) => crypto.getRandomValues(new Uint8Array(count)), engine, report },
  });
  const until: Device["until"] = async (fits) => {
    for (let at = 0; ; at++) {
      while (at >= events.length) await new Promise<void>((resolve) => waiters.push(resolve));
      const event = events[at];
      if (event !== undefined && fits(event)) return event;
    }
  };
  return {
    runtime,
    events,
    states,
    until,
    untilState: async (state) => {
      await until((event) => event.type === "state" && `${event.status.version} ${event.status.state}` === state);
    },
    ask: async (x, path = "/v1/models/line:predict") => {
      const body = new TextEncoder().encode(JSON.stringify({ instances: [x] }));
      const response = await runtime.handle({ method: "POST", target: path, body: () => body });
      const text = typeof response.body === "string" ? response.body : new TextDecoder().decode(response.body);
      const { predictions, error } = JSON.parse(text) as { predictions?: number[]; error?: string };
      const base = { status: response.status, version: response.headers["x-ashore-model-version"] };
      return { ...base, ...(predictions?.[0] === undefined ? {} : { y: predictions[0] }), ...(error === undefined ? {} : { error }) };
    },
  };
}

/** An engine whose models can be told to answer wrongly, or to die. */
export interface UnreliableEngine extends EngineHost {
  /** Whether models loaded from now on answer with other numbers than they compute. */
  lying: boolean;
  /** Called before each inference of a loaded model. */
  beforeRun: (model: HostedModel & { die(): void }) => void;
}

export function unreliableEngine(): UnreliableEngine {
  const inner = createInProcessEngineHost({ backends: ["cpu"] });
  const host: UnreliableEngine = {
    lying: false,
    beforeRun: () => undefined,
    backends: inner.backends,
    load: async (bytes, options) => {
      const model = await inner.load(bytes, options);
      const { lying } = host;
      let dead: AshoreError | undefined;
      let lose: (reason: AshoreError) => void = () => undefined;
      const hosted: HostedModel & { die(): void } = {
        backend: model.backend,
        lost: new Promise((resolve) => (lose = resolve)),
        run: async (feeds, fetches, runOptions) => {
          host.beforeRun(hosted);
          if (dead !== undefined) throw dead;
          const answer = await model.run(feeds, fetches, runOptions);
          return lying ? Object.fromEntries(Object.entries(answer).map(([name, tensor]) => [name, { ...tensor, data: Float32Array.from(tensor.data as Float32Array, (x) => x + 1000) }])) : answer;
        },
        close: () => model.close(),
        die: () => {
          dead = new AshoreError("ENGINE_CRASHED", "The engine was made to die.");
          lose(dead);
        },
      };
      return hosted;
    },
    close: () => inner.close(),
  };
  return host;
}
