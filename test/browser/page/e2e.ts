import type { Ashore, ConnectOptions, ModelSelection, PredictOptions } from "../../../client/types.ts";
import type { Tensor } from "../../../protocol/tensor.ts";
import type { Actions, Loop, Outcome, PlainAnswer } from "../../support/actions.ts";

/** What tests do in a page that has `connect` of `/ashore/client.js`, by names that cross `page.evaluate` as plain data. */

declare global {
  /** Put there by the site's page. */
  var connect: (options: ConnectOptions) => Promise<Ashore>;
}

let ashore: Ashore;
let looping: Promise<Loop> | undefined;
let isLooping = false;

async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: await work() };
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message?: string };
    return { code: code ?? "none", message: message ?? String(thrown) };
  }
}

const vector = (values: readonly number[]): Tensor => ({ dtype: "float32", shape: [values.length], data: Float32Array.from(values) });

async function predict(model: string, inputs: Record<string, Tensor>, selection?: ModelSelection, options?: PredictOptions): Promise<PlainAnswer> {
  const { outputs, version, servedBy, backend } = await ashore.model(model, selection).predict(inputs, options);
  const plain = Object.entries(outputs).map(([key, { data }]) => [key, Array.from(data as Iterable<unknown>)] as const);
  return { outputs: Object.fromEntries(plain), version, servedBy, backend };
}

const actions: Actions = {
  connect: (options) =>
    outcome(async () => {
      ashore = await globalThis.connect(options);
      return { host: ashore.host, persisted: ashore.persisted };
    }),
  ready: (model, timeoutMs = 30_000) =>
    outcome(async () => {
      const phases: string[] = [];
      let most = 0;
      await ashore.model(model).ready({
        signal: AbortSignal.timeout(timeoutMs),
        onProgress: ({ phase, bytes }) => {
          if (phases.at(-1) !== phase) phases.push(phase);
          most = Math.max(most, bytes);
        },
      });
      return { phases, bytes: most };
    }),
  predict: (model, values, selection, timeoutMs = 30_000) =>
    outcome(() => predict(model, { x: vector(values) }, selection, { signal: AbortSignal.timeout(timeoutMs) })),
  predictFilled: (model, key, shape, fill) => {
    const count = shape.reduce((product, size) => product * size, 1);
    return outcome(() => predict(model, { [key]: { dtype: "float32", shape, data: new Float32Array(count).fill(fill) } }));
  },
  rest: async (path, body) => {
    const response = await fetch(path, body === undefined ? {} : { method: "POST", body });
    return { status: response.status, headers: Object.fromEntries(response.headers), body: await response.text() };
  },
  startLoop: (model, values) => {
    isLooping = true;
    looping = (async () => {
      const loop = { versions: [] as number[], servedBy: [] as string[], failures: [] as { code: string; message: string }[] };
      while (isLooping) {
        const answer = await outcome(() => predict(model, { x: vector(values) }));
        if ("ok" in answer) {
          loop.versions.push(answer.ok.version);
          loop.servedBy.push(answer.ok.servedBy);
        } else loop.failures.push(answer);
      }
      return loop;
    })();
  },
  stopLoop: async () => {
    isLooping = false;
    return (await looping) ?? { versions: [], servedBy: [], failures: [] };
  },
  answersWith: async (model, values, version) => {
    for (;;) {
      const answer = await outcome(() => predict(model, { x: vector(values) }));
      if ("ok" in answer && answer.ok.version === version) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  },
  models: () => outcome(() => ashore.models()),
  stored: () => outcome(() => ashore.stored()),
  remove: (model) => outcome(async () => ashore.remove(model).then(() => null)),
  sync: () => outcome(async () => ashore.sync().then(() => null)),
  close: () => outcome(async () => ashore.close().then(() => null)),
  isControlled: () => navigator.serviceWorker.controller !== null,
};

Object.assign(globalThis, { e2e: actions });
