import { MESSAGE_PROTOCOL, type EngineOffer, type EngineTaken, type EngineWanted } from "../protocol/messages.ts";
import { lendWorker } from "./lend-worker.ts";

export interface EngineOffersOptions {
  readonly serviceWorker: ServiceWorkerContainer;
  /** `worker.js`, of this page's origin. */
  readonly workerUrl: string;
}

/** Lends workers to the scope's service worker, for models that would keep it from answering anything else. What is lent goes on when the answer ends the offers. */
export function offerEngines({ serviceWorker, workerUrl }: EngineOffersOptions): () => void {
  const hear = ({ data, ports: [port] }: MessageEvent<Partial<EngineWanted> | null>): void => {
    if (data?.type !== "engine-wanted" || data.ashore !== MESSAGE_PROTOCOL || port === undefined) return;
    const { ashore, model, version, server, scope, owner } = data as EngineWanted;
    port.onmessage = ({ data: word }: MessageEvent<EngineTaken>) => {
      if (word.type === "take") lendWorker(port, { script: workerUrl, role: { ashore, role: "engine", server, scope, owner }, name: `${model} ${version}` });
      else port.close();
    };
    port.postMessage({ type: "offer" } satisfies EngineOffer);
  };
  serviceWorker.addEventListener("message", hear);
  serviceWorker.startMessages();
  return () => serviceWorker.removeEventListener("message", hear);
}
