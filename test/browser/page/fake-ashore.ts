import { EXAMPLES } from "../../../demo/app/examples.ts";
import { inkOf } from "../../../demo/app/ink.ts";
import type { Answer, Ashore, ConnectOptions, Model, Progress, Watched } from "../../../client/types.ts";
import { AshoreError } from "../../../protocol/errors.ts";
import { modelName, version as versionOf, type Version } from "../../../protocol/names.ts";
import type { ServableState } from "../../../protocol/states.ts";

/**
 * What `/ashore/client.js` is to the demo's page, without a runtime: versions come by timers, and a digit is read by comparing it
 * with the page's own examples. The page's address says what happens: `?fail=CODE` for a connection that fails,
 * `?missing=CODE` for a model that does not come, `?slow` for a download that stays half way, `?storage=off`, `?host=page`,
 * `?reach=off` for a server that is gone after the model came, `?expired` for one whose metadata is expired until the second look. `POST /demo/publish` is answered here too.
 */
const asked = new URL(location.href).searchParams;
const STEP_MS = 40;
const BYTES = [40_331, 297_690];
const NAME = modelName("digits");

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const templates = EXAMPLES.map(inkOf);

class Versions {
  readonly #states = new Map<Version, ServableState>();
  readonly #listeners = new Set<(watched: Watched) => void>();
  latest: Version | undefined;

  tell(watched: Watched): void {
    for (const listener of this.#listeners) listener(watched);
  }

  set(version: Version, state: ServableState): void {
    this.#states.set(version, state);
    this.tell({ type: "state", status: { version, state }, ...(state === "AVAILABLE" ? { backend: "wasm" as const } : {}) });
  }

  held(): Version[] {
    return [...this.#states].filter(([, state]) => state === "AVAILABLE").map(([version]) => version);
  }

  listen(listener: (watched: Watched) => void): () => void {
    for (const [version, state] of this.#states) listener({ type: "state", status: { version, state } });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async load(version: Version): Promise<void> {
    const totalBytes = BYTES[version - 1] ?? 0;
    const progress = (phase: Progress["phase"], bytes: number): void => this.tell({ type: "progress", phase, version, bytes, totalBytes });
    this.set(version, "START");
    for (let part = 0; part <= 4; part++) {
      progress("download", Math.round((totalBytes * part) / 4));
      await wait(STEP_MS);
      if (part === 2 && asked.has("slow")) await new Promise<never>(() => undefined);
    }
    this.set(version, "LOADING");
    progress("self-test", totalBytes);
    await wait(STEP_MS);
    const before = this.latest;
    this.latest = version;
    this.set(version, "AVAILABLE");
    if (before !== undefined && before !== version) {
      this.set(before, "UNLOADING");
      await wait(STEP_MS);
      this.set(before, "END");
    }
  }
}

let offered = versionOf(1);
const realFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  if (String(input) !== "/demo/publish" || asked.has("nopublish")) return await realFetch(input, init);
  if (init?.method === "POST") offered = versionOf((JSON.parse(String(init.body)) as { version: number }).version);
  return Response.json({ model: NAME });
};

export async function connect({ signal }: ConnectOptions = {}): Promise<Ashore> {
  signal?.throwIfAborted();
  const code = asked.get("fail");
  if (code === "INSECURE_ORIGIN") {
    throw new AshoreError("INSECURE_ORIGIN", "This page cannot run models: http://192.168.1.20:8501 is no secure context, and browsers give crypto.subtle, caches and service workers to secure ones alone. Serve it over https, or open it at localhost.");
  }
  if (code !== null) throw new AshoreError("WORKER_FAILED", `The worker failed: ${code}.`);
  const versions = new Versions();
  let removed = false;
  let looks = 0;
  const notHere = (): AshoreError => new AshoreError("NETWORK_FAILED", "http://127.0.0.1:8501/metadata/timestamp.json could not be fetched: nothing answers there. Start the server, or look at the network; this device tries again by itself.");
  const model: Model = {
    name: NAME,
    async ready() {
      if (asked.has("missing")) throw asked.get("missing") === "NOT_FOUND" ? new AshoreError("NOT_FOUND", "The server lists no model digits, or `models` of connect leaves it out.") : notHere();
      await versions.load(offered);
    },
    async predict(inputs): Promise<Answer> {
      await wait(1);
      const { image } = inputs;
      if (versions.latest === undefined || typeof image !== "object" || !("data" in image)) throw new AshoreError("NOT_FOUND", "No version answers.");
      const ink = image.data as Float32Array;
      const near = templates.map((template) => Math.exp(-template.reduce((sum, value, at) => sum + (value - (ink[at] ?? 0)) ** 2, 0) / 12));
      const total = near.reduce((sum, value) => sum + value, 0);
      return { outputs: { scores: { dtype: "float32", shape: [1, 10], data: Float32Array.from(near, (value) => value / total) } }, version: versions.latest, servedBy: "device", backend: "wasm" };
    },
    async *watch({ signal: until } = {}) {
      const unread: Watched[] = [];
      let wake: () => void = () => undefined;
      const stop = versions.listen((watched) => {
        unread.push(watched);
        wake();
      });
      until?.addEventListener("abort", () => wake());
      while (until?.aborted !== true) {
        const next = unread.shift();
        if (next === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield next;
      }
      stop();
    },
  };
  return {
    host: asked.get("host") === "page" ? "page" : "service-worker",
    persisted: asked.get("storage") !== "off",
    model: () => model,
    models: async () => [],
    async sync() {
      if (asked.get("reach") === "off") throw notHere();
      if (asked.has("expired")) {
        const since = Date.UTC(2030, 0, 2, 3, 4);
        looks += 1;
        versions.tell(looks === 1 ? { type: "trust", what: "expired", detail: "The timestamp expired.", since } : { type: "trust", what: "fresh", detail: "The metadata is valid again." });
        if (looks === 1) throw new AshoreError("METADATA_EXPIRED", "The timestamp expired.");
      }
      if (versions.latest !== undefined && versions.latest !== offered) await versions.load(offered);
    },
    stored: async () => (removed ? [] : [{ name: NAME, bytes: versions.held().reduce((sum, one) => sum + (BYTES[one - 1] ?? 0), 0), versions: versions.held().map((one) => ({ version: one, bytes: BYTES[one - 1] ?? 0 })) }]),
    remove: async () => {
      removed = true;
    },
    close: async () => undefined,
  };
}
