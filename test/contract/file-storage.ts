import { createHash } from "node:crypto";
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

    describe("a body that comes from elsewhere", () => {
      const sha256 = (...values: number[]): string => createHash("sha256").update(bytes(...values)).digest("hex");
      async function* pieces(...all: (number[] | Error)[]): AsyncGenerator<Uint8Array> {
        for (const piece of all) {
          if (piece instanceof Error) throw piece;
          yield bytes(...piece);
        }
      }

      test("takes its name once it is whole, and not before", async () => {
        let during: unknown = "not asked";
        async function* body(): AsyncGenerator<Uint8Array> {
          yield bytes(1, 2);
          during = [await storage.stat("blobs/a"), await storage.list("blobs")];
          yield bytes(3);
        }
        await storage.receive("blobs/a", body(), { sha256: sha256(1, 2, 3), maxBytes: 3 });
        expect(during).toEqual([undefined, []]);
        expect(await storage.read("blobs/a")).toEqual(bytes(1, 2, 3));
      });

      test.each([
        ["has another digest", "DIGEST_MISMATCH", () => pieces([1], [2]), {}],
        ["is cut short", "DIGEST_MISMATCH", () => pieces([1]), {}],
        ["has more bytes than it may", "LIMIT_EXCEEDED", () => pieces([1, 2], [3], new Error("asked for more than was needed")), { maxBytes: 2 }],
        ["breaks off", "NETWORK_FAILED", () => pieces([1], new Error("gone")), {}],
      ])("leaves what was there, and nothing else, when it %s", async (_, code, body, more) => {
        await storage.write("blobs/a", bytes(7));
        await expect(storage.receive("blobs/a", body(), { sha256: sha256(1, 2, 3), maxBytes: 3, ...more })).rejects.toMatchObject({ code });
        expect(await storage.read("blobs/a")).toEqual(bytes(7));
        expect(await storage.list("blobs")).toHaveLength(1);
      });

      test("ends where its signal is aborted", async () => {
        const ending = new AbortController();
        async function* endless(): AsyncGenerator<Uint8Array> {
          for (;;) {
            yield bytes(1);
            ending.abort();
          }
        }
        await expect(storage.receive("blobs/a", endless(), { sha256: sha256(1), maxBytes: 1 << 20 }, { signal: ending.signal })).rejects.toMatchObject({ code: "CANCELLED" });
        expect(await storage.stat("blobs/a")).toBeUndefined();
      });

      test("comes twice at the same time as well as once", async () => {
        const receive = (): Promise<void> => storage.receive("blobs/a", pieces([1], [2]), { sha256: sha256(1, 2), maxBytes: 2 });
        await Promise.all([receive(), receive(), storage.write("blobs/a", bytes(1, 2))]);
        expect(await storage.read("blobs/a")).toEqual(bytes(1, 2));
      });
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
