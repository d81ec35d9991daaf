import { openFileBlobStore } from "../../edge/file-blob-store.ts";
import { layeredBlobs, memoryBlobs } from "../../runtime/store/index.ts";
import { blobStoreContract } from "./blob-store.ts";
import { inFolder, inMemory } from "./folder-under-test.ts";

const report = (): void => undefined;

blobStoreContract("memory", () => inMemory(memoryBlobs()));
blobStoreContract("files", () => inFolder((folder) => openFileBlobStore(folder)));
blobStoreContract("layers", () => inMemory(layeredBlobs(memoryBlobs(), memoryBlobs(), { report, makeRoom: async () => undefined })));
