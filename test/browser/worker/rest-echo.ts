/// <reference lib="webworker" />
import { toFetchHandler, type RestCore } from "../../../runtime/predict/index.ts";
import type { Question, Reply } from "../../conformance/rest/asking.ts";
import { createEchoService } from "../../conformance/rest/echo-service.ts";

/** A service worker whose only business is the REST handler over echoing models: by fetch, and by message. */
declare const self: ServiceWorkerGlobalScope;

const services = Promise.all([createEchoService(), createEchoService({ cors: true })]);

async function serviceOf(cors: boolean): Promise<RestCore> {
  const [plain, open] = await services;
  return cors ? open : plain;
}

self.addEventListener("install", (event) => event.waitUntil(self.skipWaiting()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  // The page itself comes from the network.
  if (event.request.mode === "navigate") return;
  const answer = async (): Promise<Response> => toFetchHandler(await serviceOf(event.request.headers.has("x-cors")))(event.request);
  event.respondWith(answer());
});

self.addEventListener("message", (event) => {
  const { questions } = event.data as { readonly questions: readonly Question[] };
  const answerAll = async (): Promise<void> => {
    const replies: Reply[] = [];
    for (const question of questions) {
      const core = await serviceOf(question.cors);
      const { status, headers, body } = await core.handle({ ...question, body: () => Uint8Array.from(question.body) });
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      replies.push({ status, headers: lower, text: question.method === "HEAD" ? "" : typeof body === "string" ? body : new TextDecoder().decode(body) });
    }
    event.ports[0]?.postMessage(replies);
  };
  event.waitUntil(answerAll());
});
