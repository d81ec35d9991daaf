import { openFileRecordStore } from "../../edge/file-record-store.ts";
import { memoryRecords } from "../../runtime/store/index.ts";
import { inFolder, inMemory } from "./folder-under-test.ts";
import { recordStoreContract } from "./record-store.ts";

recordStoreContract("memory", () => inMemory(memoryRecords()));
recordStoreContract("files", () => inFolder((folder) => openFileRecordStore(folder)));
