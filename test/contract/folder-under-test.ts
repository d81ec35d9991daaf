import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreUnderTest } from "./blob-store.ts";

/** A file store in a folder of its own, opened anew each time. */
export async function inFolder<Store>(open: (folder: string) => Promise<Store>): Promise<StoreUnderTest<Store>> {
  const folder = await mkdtemp(join(tmpdir(), "ashore-contract-"));
  return { open: () => open(folder), close: () => rm(folder, { recursive: true }) };
}

/** A memory store, which lives as long as the test. */
export async function inMemory<Store>(store: Store): Promise<StoreUnderTest<Store>> {
  return { open: async () => store };
}
