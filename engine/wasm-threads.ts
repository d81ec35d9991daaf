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
  const url = URL.createObjectURL(new Blob(["postMessage(0)"], { type: "text/javascript" }));
  try {
    const worker = new Worker(url);
    try {
      return await new Promise<boolean>((resolve) => {
        worker.onmessage = () => resolve(true);
        worker.onerror = () => resolve(false);
      });
    } finally {
      worker.terminate();
    }
  } catch {
    return false;
  } finally {
    URL.revokeObjectURL?.(url);
  }
}
