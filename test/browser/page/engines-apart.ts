import { loadAtPort, type EngineAtPort } from "../../../browser/engine-at-port.ts";
import { hearDeath } from "../../../browser/engine-ports.ts";
import { browserClock } from "../../../browser/browser-clock.ts";
import { lendWorker } from "../../../client/lend-worker.ts";
import { MESSAGE_PROTOCOL } from "../../../protocol/messages.ts";
import type { ModelBytes } from "../../../runtime/ports.ts";
import { parse } from "../../contract/engine-host-wire.ts";
import type { ApartActions, Outcome } from "../engines-apart-actions.ts";

/** A page that lends a worker and asks it itself, in the place of a service worker. */

const started: Worker[] = [];
/** What `lendWorker` starts, for tests to kill. */
globalThis.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    started.push(this);
  }
};

const OWNER = "life of the asker";
let die: () => void = () => undefined;
const ownerLives = new Promise<void>((held) => {
  void navigator.locks.request(OWNER, () => {
    held();
    return new Promise<void>((resolve) => {
      die = resolve;
    });
  });
});

let engine: EngineAtPort | undefined;

async function outcome<T>(work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: await work() };
  } catch (thrown) {
    const { code, message } = thrown as { code?: string; message: string };
    return { code: code ?? "none", message };
  }
}

function loaded(): EngineAtPort {
  if (engine === undefined) throw new TypeError("no engine is loaded");
  return engine;
}

const run = (value: number): Promise<number> =>
  loaded()
    .run({ "x:0": { dtype: "float32", shape: [1], data: Float32Array.of(value) } }, ["y:0"])
    .then((answers) => Number(answers["y:0"]?.data[0]));

const actions: ApartActions = {
  load: (json, backend, script = "/ashore/worker.js") =>
    outcome(async () => {
      await ownerLives;
      const { port1, port2 } = new MessageChannel();
      const role = { ashore: MESSAGE_PROTOCOL, role: "engine", server: location.origin, scope: "/", owner: OWNER } as const;
      lendWorker(port2, { script: new URL(script, location.href).href, role, name: "line 1" });
      engine = await loadAtPort(port1, parse<ModelBytes>(json), { backend }, { locks: navigator.locks, clock: browserClock });
      return { backend: engine.backend, threads: engine.threads };
    }),
  run: (value) => outcome(() => run(value)),
  killDuring: (values) => {
    const runs = values.map((value) => outcome(() => run(value)));
    started.at(-1)?.terminate();
    return Promise.all(runs);
  },
  lost: async () => (await loaded().lost).code,
  close: () => outcome(() => loaded().close()),
  ownerDies: async () => {
    const { locks } = navigator;
    const { held = [] } = await locks.query();
    const lives = held.flatMap(({ name }) => (name?.startsWith("ashore-life:") === true ? [name] : []));
    die();
    await Promise.all(lives.map((life) => hearDeath(locks, life, new AbortController().signal)));
    return lives.length;
  },
};

Object.assign(globalThis, { apart: actions });
