/** Worker scripts that speak the protocol of protocol/messages.ts and compute nothing: a page cannot tell them from real ones. */

export interface FakeWorker {
  /** The model version that it answers with, by which tests tell scripts apart. */
  readonly version: number;
  readonly protocol?: number;
  readonly keepsSite?: boolean;
  readonly host?: "service-worker" | "page";
}

/** What both kinds of worker do with a message that carries a request. */
function answering({ version, protocol = 1, keepsSite = false, host = "service-worker" }: FakeWorker): string {
  return `
    const life = new Promise((held) => {
      const name = "life:" + crypto.randomUUID();
      navigator.locks.request(name, () => { held(name); return new Promise(() => {}); });
    });
    self.asked = []; self.kept = []; self.cancelled = [];
    // Whether this happens for the first time in this origin, however often workers start.
    async function isFirst(what) {
      const cache = await caches.open("fake");
      if (await cache.match("/" + what)) return false;
      await cache.put("/" + what, new Response(""));
      return true;
    }
    async function valueOf(request) {
      switch (request.type) {
        case "hello": return { build: "fake", news: "fake-news", host: ${JSON.stringify(host)}, keepsSite: ${keepsSite}, pollSeconds: 3600, persisted: true };
        case "predict":
          if (request.model === "slow") await new Promise((resolve) => setTimeout(resolve, 30));
          if (request.model === "hang") await new Promise(() => {});
          if (request.model === "stopped" && (await isFirst("stopped"))) await new Promise(() => {});
          if (request.model === "crash" && (await isFirst("crash"))) { self.close(); await new Promise(() => {}); }
          return { outputs: { y: { dtype: "float32", shape: [1], data: new Float32Array([7]) } }, version: ${version}, backend: "cpu", servedBy: "device" };
        case "models": return [{ name: "line", versions: [{ version: ${version}, state: "AVAILABLE" }], latest: ${version} }];
        case "stored": return [];
        case "keep-site": self.kept.push(...request.urls); return { kept: request.urls.length };
        case "skip-waiting": await self.skipWaiting(); return null;
        case "remove": return null;
        default: return { more: false, pollSeconds: 3600 };
      }
    }
    async function answer({ ashore, request }, port) {
      self.asked.push(request.type);
      port.onmessage = ({ data }) => self.cancelled.push(data.error.code);
      port.postMessage({ type: "taken", ashore: ${protocol}, life: await life });
      if (ashore !== ${protocol}) port.postMessage({ type: "failed", error: { code: "PROTOCOL_MISMATCH", message: "other", causes: [] } });
      else port.postMessage({ type: "done", value: await valueOf(request) });
    }`;
}

export function fakeServiceWorker(worker: FakeWorker): string {
  return `${answering(worker)}
    self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
    self.addEventListener("message", (event) => { if (event.data && event.data.ashore !== undefined) event.waitUntil(answer(event.data, event.ports[0])); });
    self.addEventListener("fetch", () => {});`;
}

export function fakePageWorker(worker: FakeWorker): string {
  return `${answering({ ...worker, host: "page" })}
    self.onmessage = ({ data, ports }) => { if (data.role === undefined) answer(data, ports[0]); else self.role = data; };`;
}

/** A service worker of an app that never heard of Ashore. */
export const FOREIGN_WORKER = `
  self.heard = 0;
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("message", () => { self.heard += 1; });
  self.addEventListener("fetch", () => {});`;
