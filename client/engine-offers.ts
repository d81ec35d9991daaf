import { MESSAGE_PROTOCOL, type EngineOffer, type EngineTaken, type EngineWanted } from "../protocol/messages.ts";
import { lendWorker } from "./lend-worker.ts";

export interface EngineOffersOptions {
  readonly serviceWorker: ServiceWorkerContainer;
  /** `worker.js`, of this page's origin. */
  readonly workerUrl: string;
}

/**
 * Lends workers to the scope's service worker, for models that would keep it from answering anything else; one that was lent to a
 * service worker that died goes to the next one, with its model. When the answer ends the offers, what is lent goes on.
 */
export function offerEngines({ serviceWorker, workerUrl }: EngineOffersOptions): () => void {
  /** The workers that live, by what they were lent for. */
  const lent = new Map<string, Worker>();
  let isOpen = true;
  const hear = ({ data, ports: [port] }: MessageEvent<Partial<EngineWanted> | null>): void => {
    if (data?.type !== "engine-wanted" || data.ashore !== MESSAGE_PROTOCOL || port === undefined) return;
    const { ashore, model, version, engine, isLoaded, server, scope, owner } = data as EngineWanted;
    if (isLoaded ? !lent.has(engine) : !isOpen) return;
    const role = { ashore, role: "engine", server, scope, owner } as const;
    port.onmessage = ({ data: word }: MessageEvent<EngineTaken>) => {
      const loaded = isLoaded && lent.get(engine);
      if (word.type !== "take") port.close();
      else if (loaded) loaded.postMessage(role, [port]);
      else {
        const worker = lendWorker(port, {
          script: workerUrl,
          role,
          name: `${model} ${version}`,
          onEnd: () => {
            if (lent.get(engine) === worker) lent.delete(engine);
            leave();
          },
        });
        if (worker !== undefined) lent.set(engine, worker);
      }
    };
    port.postMessage({ type: "offer" } satisfies EngineOffer);
  };
  const leave = (): void => {
    if (!isOpen && lent.size === 0) serviceWorker.removeEventListener("message", hear);
  };
  serviceWorker.addEventListener("message", hear);
  serviceWorker.startMessages();
  return () => {
    isOpen = false;
    leave();
  };
}
