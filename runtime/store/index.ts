export { createJournalKeeper, type JournalKeeper, type JournalKeeperOptions, type Kept } from "./journal-keeper.ts";
export { commitVersion, emptyJournal, forgetModel, forgetVersion, journalOf, markFailed, markProved, markServed, markTimes, parseJournal, resetTrust, setConfig } from "./journal.ts";
export { layeredBlobs, type LayeredBlobs, type LayeredOptions } from "./layered-blobs.ts";
export { memoryBlobs, memoryJournal, memoryRecords } from "./memory-store.ts";
export { evictUnneeded, type Evicted } from "./evict.ts";
export { unneeded } from "./plan.ts";
export { readManifest, readVariant, type StoredVariant } from "./read-version.ts";
export { listStoredModels, storedModels } from "./stored-models.ts";
export { verifiedBlobs } from "./verified-blobs.ts";
