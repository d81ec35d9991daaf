export { collectGarbage, type Garbage, type GarbageOptions } from "./collect-garbage.ts";
export { encodingsOf } from "./blobs-of.ts";
export { blobPath, keepFresh, targetPath, writeOnce, type ByteRange, type FileStat, type FileStorage, type ListedFile } from "./file-storage.ts";
export { createFolderStorage } from "./folder-storage.ts";
