import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../../runtime/ports.ts";
import { createTrust, type Trust } from "../../../runtime/trust/index.ts";
import { MemoryRecords, SERVER } from "../tuf/test-repository.ts";

export interface FolderDeviceOptions {
  readonly clock: Clock;
  readonly store?: MemoryRecords;
  readonly root?: Uint8Array<ArrayBuffer>;
  /** Told of every path that is asked for. */
  readonly onFetch?: (path: string) => void;
}

/** A device whose server is a data folder. */
export function folderDevice(dataDir: string, { clock, store = new MemoryRecords(), root, onFetch }: FolderDeviceOptions): Trust {
  return createTrust({
    server: SERVER,
    store,
    clock,
    root,
    fetch: async (url) => {
      const { pathname } = new URL(url);
      onFetch?.(pathname);
      const bytes = await readFile(join(dataDir, pathname)).catch(() => undefined);
      return bytes === undefined ? new Response("", { status: 404 }) : new Response(bytes);
    },
  });
}
