/// <reference lib="webworker" />
import { engine, getBackend } from "@tensorflow/tfjs-core";
import { getThreadsCount } from "@tensorflow/tfjs-backend-wasm";
import { browserBackends } from "../../../engine/browser-backends.ts";
import { createInProcessEngineHost } from "../../../engine/in-process-host.ts";
import { fromWireError, toWireError } from "../../../protocol/errors.ts";
import type { EngineHost, HostedModel } from "../../../runtime/ports.ts";
import { parse, print, type DeviceFault, type EngineCall, type FromProbe, type Inspection, type ProbeOptions, type ToProbe } from "../../contract/engine-host-wire.ts";

/** The script of a dedicated worker and of a service worker alike: an engine host that answers a test's calls. */

// Law 5: what a service worker lacks, or a bundler may ask for behind our back.
if ("registration" in globalThis) {
  const refuse = (what: string) => () => {
    throw new Error(`a service worker has no ${what}`);
  };
  Object.assign(globalThis, { Worker: refuse("Worker"), importScripts: refuse("late importScripts") });
  URL.createObjectURL = refuse("URL.createObjectURL");
}

const wasmFiles: string[] = [];
const models = new Map<number, HostedModel>();
const aborts = new Map<number, AbortController>();
let ahead = 0;

addEventListener("message", (event: MessageEvent<ProbeOptions> | ExtendableMessageEvent) => {
  const [port] = event.ports;
  if (port === undefined) return;
  const host = makeHost(event.data as ProbeOptions);
  port.onmessage = ({ data }: MessageEvent<string>) => {
    for (const message of parse<ToProbe[]>(data)) take(host, message, (answer) => port.postMessage(print(answer)));
  };
  // A service worker stays while the test asks.
  if ("waitUntil" in event) event.waitUntil(new Promise(() => {}));
});

function makeHost({ backends, threads = false }: ProbeOptions): EngineHost {
  const wasmFile = async (name: string): Promise<ArrayBuffer> => {
    wasmFiles.push(name);
    return (await fetch(`/${name}`)).arrayBuffer();
  };
  return createInProcessEngineHost({ providers: browserBackends({ wasmFile, threads, now: () => Date.now() + ahead }), backends });
}

function take(host: EngineHost, message: ToProbe, send: (answer: FromProbe) => void): void {
  const { id } = message;
  if ("abort" in message) {
    aborts.get(id)?.abort(fromWireError(message.abort));
    return;
  }
  const abort = new AbortController();
  if (message.aborted !== undefined) abort.abort(fromWireError(message.aborted));
  aborts.set(id, abort);
  answer(host, id, message.call, abort.signal).then(
    (value) => send({ id, value }),
    (thrown: unknown) => send({ id, error: toWireError(thrown) }),
  );
}

async function answer(host: EngineHost, id: number, call: EngineCall, signal: AbortSignal): Promise<unknown> {
  switch (call.type) {
    case "load": {
      const model = await host.load(call.model, { backend: call.backend, signal });
      models.set(id, model);
      return { handle: id, backend: model.backend };
    }
    case "run":
      return modelOf(call.handle).run(call.feeds, call.fetches, { signal });
    case "close":
      return modelOf(call.handle).close();
    case "lost":
      return toWireError(await modelOf(call.handle).lost);
    case "prepare":
      return host.prepare?.(call.backend);
    case "inspect":
      return inspect();
    case "break-device":
      return breakDevice(call.how);
    case "advance":
      ahead += call.ms;
  }
}

function modelOf(handle: number): HostedModel {
  const model = models.get(handle);
  if (model === undefined) throw new TypeError(`there is no model ${handle}`);
  return model;
}

interface WebgpuInside {
  readonly device: GPUDevice;
  readonly pipelineCache: object;
  readonly bufferManager: { readonly numBytesUsed: number };
}

function webgpu(): WebgpuInside | undefined {
  return engine().registry["webgpu"] as (object & WebgpuInside) | undefined;
}

function breakDevice(how: DeviceFault): void {
  const device = webgpu()?.device;
  if (device === undefined) throw new TypeError("webgpu has not started");
  if (how === "lost") device.destroy();
  if (how === "no shader compiles") {
    const create = device.createShaderModule.bind(device);
    device.createShaderModule = (descriptor) => create({ ...descriptor, code: "not a shader" });
  }
  if (how === "no memory") {
    const create = device.createBuffer.bind(device);
    device.createBuffer = (descriptor) => {
      device.popErrorScope = () => Promise.resolve(new GPUOutOfMemoryError("no room for a buffer"));
      return create(descriptor);
    };
  }
}

function inspect(): Inspection {
  const inside = webgpu();
  return {
    backend: getBackend(),
    pipelines: inside === undefined ? 0 : Object.keys(inside.pipelineCache).length,
    gpuBytes: inside?.bufferManager.numBytesUsed ?? 0,
    threads: engine().registry["wasm"] === undefined ? 0 : getThreadsCount(),
    wasmFiles,
  };
}
