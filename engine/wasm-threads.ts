interface ProbeWorker {
  onmessage: (() => void) | null;
  onerror: (() => void) | null;
  terminate(): void;
}

interface Realm {
  readonly crossOriginIsolated?: boolean;
  readonly navigator?: { readonly hardwareConcurrency?: number };
  readonly Worker?: new (url: string) => ProbeWorker;
  readonly URL: { createObjectURL?(blob: Blob): string; revokeObjectURL?(url: string): void };
}

export function hardwareThreads(): number {
  return (globalThis as object as Realm).navigator?.hardwareConcurrency ?? 1;
}

/**
 * Whether this realm can run TF.js's threads, seen by starting one: shared memory, and a worker from a Blob URL, which a
 * page's policy may forbid; TF.js would wait for such a worker for ever.
 */
export async function canSpawnThreads(): Promise<boolean> {
  const { crossOriginIsolated, Worker, URL } = globalThis as object as Realm;
  if (crossOriginIsolated !== true || typeof Worker !== "function" || typeof URL.createObjectURL !== "function") return false;
  let url: string | undefined;
  let worker: ProbeWorker | undefined;
  try {
    url = URL.createObjectURL(new Blob(["postMessage(0)"], { type: "text/javascript" }));
    const probe = new Worker(url);
    worker = probe;
    return await new Promise<boolean>((resolve) => {
      probe.onmessage = () => resolve(true);
      probe.onerror = () => resolve(false);
    });
  } catch {
    return false;
  } finally {
    worker?.terminate();
    if (url !== undefined) URL.revokeObjectURL?.(url);
  }
}
