import { describe, expect, test } from "vitest";
import type { GivenOptions } from "../../../browser/host-options.ts";
import { RuntimeHost, type HostStore, type HostedRuntimeOptions } from "../../../browser/runtime-host.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { LIMITS } from "../../../protocol/limits.ts";
import type { HostNews, HostOptions } from "../../../protocol/messages.ts";
import { modelName, version } from "../../../protocol/names.ts";
import type { Runtime } from "../../../runtime/index.ts";
import { deferred, type Deferred } from "../activate/deferred.ts";
import { FakeClock } from "./engine-fakes.ts";

const [A, B] = [modelName("a"), modelName("b")];
const SERVER = "https://models.example";
const asked = (more: Partial<HostOptions> = {}): HostOptions => ({ server: SERVER, models: [A], fallback: "none", ...more });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A browser in which hosts live one after the other: what they keep outlives them. */
class Place {
  readonly clock = new FakeClock();
  /** What hosts did, in order. */
  readonly log: string[] = [];
  readonly news: HostNews[] = [];
  readonly made: HostedRuntimeOptions<HostStore>[] = [];
  /** Looks for news, to be ended by the test. */
  readonly looks: Deferred<void>[] = [];
  kept: unknown;
  failOpen = 0;
  failCreate = 0;
  predict: Runtime["predict"] = async () => ({ outputs: {}, version: version(1), backend: "cpu" });

  host(given?: GivenOptions): RuntimeHost {
    return new RuntimeHost<HostStore>({
      host: "service-worker",
      scope: "/",
      given,
      clock: this.clock,
      tell: (news) => void this.news.push(news),
      openStore: async () => {
        if (this.failOpen-- > 0) throw new AshoreError("STORE_FAILED", "No disk.");
        const settings = { read: async () => this.kept, write: async (value: unknown) => void (this.kept = structuredClone(value)) };
        return { settings, persisted: true };
      },
      createRuntime: async (options) => {
        if (this.failCreate-- > 0) throw new AshoreError("STORE_CORRUPT", "A torn page.");
        this.made.push(options);
        this.log.push(`create ${String(options.models)}`);
        return this.#runtime(options);
      },
    });
  }

  #runtime({ report }: HostedRuntimeOptions<HostStore>): Runtime {
    const say = (what: string): Promise<void> => {
      this.log.push(what);
      return Promise.resolve();
    };
    return {
      start: () => say("start"),
      recalled: () => Promise.resolve(),
      sync: async () => {
        const look = deferred();
        this.looks.push(look);
        try {
          await look.promise;
          report({ type: "sync", ok: true, changed: false });
        } catch (thrown) {
          report({ type: "sync", ok: false, error: thrown as AshoreError });
          throw thrown;
        }
      },
      syncing: () => undefined,
      syncedAt: () => undefined,
      pollSeconds: () => 60,
      handle: () => Promise.reject(new Error("not asked for")),
      predict: (...given) => this.predict(...given),
      models: () => [{ name: A, versions: [] }],
      status: () => undefined,
      settled: ({ signal } = {}) => new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason as Error))),
      want: (models) => void say(`want ${String(models)}`),
      stored: async () => [],
      remove: (model) => say(`remove ${model}, kept ${JSON.stringify((this.kept as { removed: unknown } | undefined)?.removed)}`),
      improve: () => say("improve"),
      watch: () => () => undefined,
      close: () => say("close"),
    };
  }
}

describe("what a host is to be", () => {
  test("is kept before a hello is answered, so that a revived worker knows it", async () => {
    const place = new Place();
    expect(await place.host().settings()).toBeUndefined();
    await expect(place.host().models()).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    expect(await place.host().hello(asked())).toMatchObject({ news: "ashore:/", host: "service-worker", keepsSite: false, pollSeconds: 60, persisted: true });
    expect(place.log).toEqual(["create a", "start"]);
    const revived = place.host();
    expect(await revived.models()).toEqual([{ name: A, versions: [] }]);
    expect(place.made[1]).toMatchObject({ server: SERVER, models: [A] });
  });

  test("grows with each hello; a known one asks the runtime for nothing", async () => {
    const place = new Place();
    const host = place.host();
    await host.hello(asked());
    await host.hello(asked());
    expect(place.log).toEqual(["create a", "start"]);
    await host.hello(asked({ models: [B] }));
    expect(place.log.slice(2)).toEqual(["want b"]);
    expect(place.kept).toMatchObject({ models: [A, B] });
  });

  test("is refused for another server, and stays as it was", async () => {
    const place = new Place();
    const host = place.host();
    await host.hello(asked());
    await expect(host.hello(asked({ server: "https://other.example" }))).rejects.toMatchObject({ code: "WORKER_CONFLICT" });
    expect(place.kept).toMatchObject({ server: SERVER });
  });

  test("comes from the script where it says so", async () => {
    const place = new Place();
    const host = place.host({ server: SERVER, models: "all" });
    await host.models();
    expect(place.made).toMatchObject([{ server: SERVER, models: "all" }]);
  });

  test("changes with its backends: the runtime ends what it has before another begins", async () => {
    const place = new Place();
    const host = place.host();
    await host.hello(asked());
    await host.hello(asked({ backends: ["cpu"] }));
    expect(place.log).toEqual(["create a", "start", "close", "create a", "start"]);
    expect(place.made[1]).toMatchObject({ backends: ["cpu"] });
  });

  test("leaves a removed model out, also after a stop, until a hello names it", async () => {
    const place = new Place();
    const host = place.host();
    await host.hello(asked({ models: "all" }));
    await host.remove(A);
    expect(place.log.at(-1)).toBe('remove a, kept ["a"]');
    const revived = place.host();
    await revived.models();
    expect(place.log.slice(-3)).toEqual(["create all", 'remove a, kept ["a"]', "start"]);
    await revived.hello(asked({ models: "all" }));
    expect(place.log.slice(-2)).toEqual(["want all", "want a"]);
  });
});

test("a start that fails is tried again at the next event", async () => {
  const place = new Place();
  place.failOpen = 1;
  place.failCreate = 1;
  const host = place.host({ server: SERVER, models: [A] });
  await expect(host.models()).rejects.toMatchObject({ code: "STORE_FAILED" });
  await expect(host.models()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
  await Promise.all([host.models(), host.models()]);
  expect(place.made).toHaveLength(1);
});

describe("looks for news", () => {
  async function started(): Promise<{ readonly place: Place; readonly host: RuntimeHost }> {
    const place = new Place();
    const host = place.host();
    await host.hello(asked());
    return { place, host };
  }

  test("end with their event's time, and whoever joins hears how they ended", async () => {
    const { place, host } = await started();
    const answer = host.sync();
    await turn();
    place.clock.advance(LIMITS.eventMs);
    expect(await answer).toEqual({ more: true, pollSeconds: 60 });
    place.looks[0]?.reject(new AshoreError("NETWORK_FAILED", "The cable is out."));
    await turn();
    await expect(host.sync({ join: true })).rejects.toMatchObject({ code: "NETWORK_FAILED" });
    expect(await host.sync({ join: true })).toEqual({ more: false, pollSeconds: 60 });
    expect(place.looks).toHaveLength(1);
  });

  test("are shared by pages whose polls are due, and not begun for those that are not", async () => {
    const { place, host } = await started();
    const both = [host.sync({ due: true }), host.sync({ due: true })];
    await turn();
    place.looks[0]?.resolve();
    await Promise.all(both);
    await host.sync({ due: true });
    expect(place.looks).toHaveLength(1);
    place.clock.advance(60_000);
    const later = host.sync({ due: true });
    await turn();
    place.looks[1]?.resolve();
    await later;
    // A stop of the worker makes none due.
    await place.host().sync({ due: true });
    expect(place.looks).toHaveLength(2);
  });

  test("are begun by events where no page polls, but a failed one not at every event", async () => {
    const { place, host } = await started();
    const first = host.syncIfDue();
    await turn();
    place.looks[0]?.reject(new AshoreError("NETWORK_FAILED", "The cable is out."));
    await first;
    expect(place.news).toContainEqual({ type: "sync", ok: false, error: { code: "NETWORK_FAILED", message: "The cable is out.", causes: [] } });
    await host.syncIfDue();
    expect(place.looks).toHaveLength(1);
    place.clock.advance(60_000);
    const second = host.syncIfDue();
    await turn();
    expect(place.looks).toHaveLength(2);
    place.looks[1]?.resolve();
    await second;
  });

  test("a page that gives up ends its wait alone", async () => {
    const { place, host } = await started();
    const page = new AbortController();
    const given = host.sync({}, { signal: page.signal });
    await turn();
    page.abort(new AshoreError("CANCELLED", "The page goes."));
    await expect(given).rejects.toMatchObject({ code: "CANCELLED", message: "The page goes." });
    place.looks[0]?.resolve();
  });
});

test("waiting until all is loaded ends with the event's time too", async () => {
  const place = new Place();
  const host = place.host();
  await host.hello(asked());
  const answer = host.settle();
  await turn();
  place.clock.advance(LIMITS.eventMs);
  expect(await answer).toEqual({ more: true });
});

test("what this device has no answer for is the caller's to hear, unless the server is to be asked", async () => {
  const place = new Place();
  const host = place.host();
  place.predict = () => Promise.reject(new AshoreError("UNAVAILABLE", "Not here yet."));
  await host.hello(asked());
  await expect(host.predict({ model: "a", inputs: {} })).rejects.toMatchObject({ code: "UNAVAILABLE", message: "Not here yet." });
  await host.hello(asked({ fallback: "server" }));
  const complex = { x: { dtype: "complex64", shape: [1], data: Float32Array.of(1, 2) } } as const;
  await expect(host.predict({ model: "a", inputs: complex })).rejects.toMatchObject({ code: "UNAVAILABLE", message: expect.stringMatching(/^Not here yet\. .* no JSON request can carry/) as string });
});
