import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { fromWireError, toWireError, type WireError } from "../../protocol/errors.ts";
import type { NamedTensors } from "../../protocol/tensor.ts";
import type { CancelSignal } from "../../protocol/cancel-signal.ts";
import type { EngineHost, HostedModel, LoadOptions, ModelBytes, RunOptions } from "../../runtime/ports.ts";
import { bundleAsWorker } from "../support/chromium.ts";
import { openSite, type Site } from "../support/site.ts";
import { WASM_PATH } from "../support/wasm-path.ts";
import { parse, print, type DeviceFault, type EngineCall, type FromProbe, type Inspection, type ProbeOptions, type ToProbe } from "./engine-host-wire.ts";

const WASM_FILES = ["tfjs-backend-wasm.wasm", "tfjs-backend-wasm-simd.wasm", "tfjs-backend-wasm-threaded-simd.wasm"];

/** An origin with the engine's probe as a worker's script, and TF.js's wasm files. */
export async function openEngineSite({ isolated = false }: { readonly isolated?: boolean } = {}): Promise<Site> {
  const headers: Readonly<Record<string, string>> = isolated ? { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" } : {};
  const wasm = await Promise.all(WASM_FILES.map(async (name) => [`/${name}`, { body: await readFile(join(WASM_PATH, name)), type: "application/wasm", headers }] as const));
  return openSite("http://127.0.0.1:1", {
    "/": { body: '<!doctype html><link rel="icon" href="data:,">', type: "text/html", headers },
    "/probe.js": { body: await bundleAsWorker("test/browser/worker/engine-probe.ts"), type: "text/javascript", headers },
    ...Object.fromEntries(wasm),
  });
}

/** An engine host in a browser's worker, asked from here. */
export interface RemoteEngineHost extends EngineHost {
  readonly page: Page;
  prepare(backend: Parameters<NonNullable<EngineHost["prepare"]>>[0]): Promise<void>;
  inspect(): Promise<Inspection>;
  breakDevice(how: DeviceFault): Promise<void>;
  advance(ms: number): Promise<void>;
}

export async function openRemoteEngineHost(browser: Browser, site: Site, where: "dedicated worker" | "service worker", options: ProbeOptions): Promise<RemoteEngineHost> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(site.url);
  const waiting = new Map<number, (answer: FromProbe) => void>();
  await page.exposeFunction("answered", (json: string) => {
    const answer = parse<FromProbe>(json);
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  await page.evaluate(`(async () => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => answered(data);
    globalThis.port = port1;
    ${
      where === "dedicated worker"
        ? `const target = new Worker("/probe.js"); globalThis.target = target;`
        : `await navigator.serviceWorker.register("/probe.js"); const target = (await navigator.serviceWorker.ready).active;`
    }
    target.postMessage(${JSON.stringify(options)}, [port2]);
  })()`);

  // What is asked in one turn goes in one message, so that it comes in one turn too.
  let batch: ToProbe[] = [];
  const send = (message: ToProbe): void => {
    if (batch.push(message) > 1) return;
    queueMicrotask(() => {
      const json = print(batch);
      batch = [];
      page.evaluate(`port.postMessage(${JSON.stringify(json)})`).catch(() => {});
    });
  };

  let ids = 0;
  async function ask<T>(call: EngineCall, signal?: CancelSignal): Promise<T> {
    const id = ++ids;
    const reason = (): WireError => toWireError(signal?.reason);
    const abort = (): void => send({ id, abort: reason() });
    const answer = new Promise<FromProbe>((resolve) => waiting.set(id, resolve));
    send({ id, call, ...(signal?.aborted === true ? { aborted: reason() } : {}) });
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const settled = await answer;
      if ("error" in settled) throw fromWireError(settled.error);
      return settled.value as T;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async function load(model: ModelBytes, { backend, signal }: LoadOptions): Promise<HostedModel> {
    const { handle, ...loaded } = await ask<{ handle: number; backend: HostedModel["backend"] }>({ type: "load", model, backend }, signal);
    return {
      backend: loaded.backend,
      lost: ask<WireError>({ type: "lost", handle }).then(fromWireError),
      run: (feeds: NamedTensors, fetches: readonly string[], { signal: ends }: RunOptions = {}) => ask({ type: "run", handle, feeds, fetches }, ends),
      close: () => ask({ type: "close", handle }),
    };
  }

  return {
    page,
    backends: options.backends,
    load,
    prepare: (backend) => ask({ type: "prepare", backend }),
    inspect: () => ask({ type: "inspect" }),
    breakDevice: (how) => ask({ type: "break-device", how }),
    advance: (ms) => ask({ type: "advance", ms }),
    close: () => page.context().close(),
  };
}
