import { join } from "node:path";
import type { AshoreError } from "../protocol/errors.ts";
import type { BlobStore, JournalStore, Ports, RecordStore } from "../runtime/ports.ts";
import { openFileBlobStore } from "./file-blob-store.ts";
import { openFileJournalStore } from "./file-journal-store.ts";
import { openFileRecordStore } from "./file-record-store.ts";
import { lockFolder } from "./lock.ts";

export interface FileStoresOptions {
  /** The device's data folder; made where it is missing. */
  readonly folder: string;
  /** Another folder for blobs, shared with a sync server; nothing is ever deleted from it. Default: `<folder>/blobs`, our own. */
  readonly sharedBlobs?: string | undefined;
  readonly report: Ports["report"];
  /** The folder was taken from this process: nothing may be written any more. */
  readonly onLost: (error: AshoreError) => void;
}

export interface FileStores {
  readonly blobs: BlobStore;
  readonly journal: JournalStore;
  readonly metadata: RecordStore;
  /** Lets another process have the folder. */
  close(): Promise<void>;
}

/**
 * The stores of a runtime in Node, as files under one folder that this process alone works in.
 * @throws STORE_LOCKED, STORE_FULL, STORE_FAILED
 */
export async function openFileStores({ folder, sharedBlobs, report, onLost }: FileStoresOptions): Promise<FileStores> {
  const lock = await lockFolder(folder, { onLost });
  try {
    return {
      blobs: sharedBlobs === undefined ? await openFileBlobStore(join(folder, "blobs")) : await openFileBlobStore(sharedBlobs, { shared: true }),
      journal: await openFileJournalStore(folder, { report }),
      metadata: await openFileRecordStore(join(folder, "metadata")),
      close: () => lock.release(),
    };
  } catch (thrown) {
    await lock.release();
    throw thrown;
  }
}
