import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FileStorage } from "../../sync-server/storage/index.ts";

export interface FileStorageSetup {
  /** A storage with nothing in it. */
  readonly open: () => Promise<FileStorage>;
  readonly close: () => Promise<void>;
}

/** What every {@link FileStorage} must do; an implementation's test is one call. */
export function testFileStorage(name: string, { open, close }: FileStorageSetup): void {
  describe(`${name} is a file storage`, () => {
    let storage: FileStorage;
    beforeEach(async () => {
      storage = await open();
    });
    afterEach(close);

    const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
    const collect = async (stream: ReadableStream<Uint8Array<ArrayBuffer>> | undefined): Promise<number[]> => {
      const parts: number[] = [];
      for await (const part of stream ?? []) parts.push(...part);
      return parts;
    };

    test("gives back what was written, whole, in part and as a stream", async () => {
      await storage.write("blobs/sha256/ab", bytes(1, 2, 3, 4));
      expect(await storage.read("blobs/sha256/ab")).toEqual(bytes(1, 2, 3, 4));
      expect(await collect(await storage.stream("blobs/sha256/ab"))).toEqual([1, 2, 3, 4]);
      expect(await collect(await storage.stream("blobs/sha256/ab", { range: { start: 1, end: 2 } }))).toEqual([2, 3]);
      expect(await storage.stat("blobs/sha256/ab")).toMatchObject({ size: 4 });
    });

    test("bytes that were read are the reader's own, so that they can be transferred", async () => {
      await storage.write("a", bytes(1, 2, 3));
      const read = await storage.read("a");
      expect(read?.buffer.byteLength).toBe(3);
    });

    test("has nothing where nothing was written, not even in the place of a folder", async () => {
      await storage.write("targets/models/a", bytes(1));
      for (const path of ["nothing", "targets/models", "targets/models/a/b", "targets/none/a"]) {
        expect(await storage.stat(path), path).toBeUndefined();
        expect(await storage.read(path), path).toBeUndefined();
        expect(await storage.stream(path), path).toBeUndefined();
      }
      await storage.delete("nothing");
      expect(await storage.list("none")).toEqual([]);
    });

    test("replaces a file whole, and deletes it", async () => {
      await storage.write("a", bytes(1, 2, 3));
      await storage.write("a", bytes(9));
      expect(await storage.read("a")).toEqual(bytes(9));
      await storage.delete("a");
      expect(await storage.read("a")).toBeUndefined();
    });

    test("lists every file below a folder, and nothing that is being written", async () => {
      const large = new Uint8Array(1 << 20);
      const writing = Promise.all([storage.write("t/a/1", large), storage.write("t/b", bytes(1)), storage.write("u/c", bytes(1))]);
      for (const { path, size } of await storage.list("t")) expect([path, size]).toEqual(path === "t/b" ? ["t/b", 1] : ["t/a/1", large.length]);
      await writing;
      expect(new Map((await storage.list("t")).map(({ path, size }) => [path, size]))).toEqual(new Map([["t/a/1", large.length], ["t/b", 1]]));
    });

    test("who reads while others write sees one of what was written, never a mixture", async () => {
      const size = 200_000;
      await storage.write("a", new Uint8Array(size));
      let writing = true;
      const writes = (async () => {
        for (let value = 1; value <= 20; value++) await storage.write("a", new Uint8Array(size).fill(value));
        writing = false;
      })();
      while (writing) {
        const seen = new Set(await storage.read("a"));
        expect(seen.size).toBe(1);
      }
      await writes;
    });

    test("two who write the same at the same time both succeed", async () => {
      await Promise.all([storage.write("a/b", bytes(1)), storage.write("a/b", bytes(1))]);
      expect(await storage.read("a/b")).toEqual(bytes(1));
    });

    test.each(["../a", "a/../../b", "/etc/passwd", "a//b", "", ".hidden", "a/.b", "a\\b", "a\0b"])("refuses the path %j", async (path) => {
      await expect(storage.read(path)).rejects.toMatchObject({ code: "NOT_FOUND" });
      await expect(storage.write(path, bytes(1))).rejects.toMatchObject({ code: "NOT_FOUND" });
    });
  });
}
