import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { storesPage } from "../support/stores-page.ts";

const at = storesPage();

describe("the engine's binaries", () => {
  const NAME = "engine.wasm";
  const WASM = new Uint8Array(70_000).fill(3);
  const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  const serve = (bytes: Uint8Array, path = NAME): void => at.site.put(`/ashore/wasm/${path}`, { body: bytes, type: "application/wasm" });
  const files = (digests: Readonly<Record<string, string>>): Promise<number> => at.worker.ask("files", [{ server: `${at.site.url}/`, cacheName: "ashore-runtime:/", digests }]);
  const file = (of: number, name = NAME, signal?: AbortSignal): Promise<Uint8Array> => at.worker.call(of, "file", [name], signal);
  const asked = (): number => at.site.count("/ashore/wasm/");
  const keys = (): Promise<readonly string[]> => at.page.evaluate(`caches.open("ashore-runtime:/").then((cache) => cache.keys()).then((all) => all.map(({ url }) => new URL(url).pathname))`);

  test("are fetched once for all who want them, and come from the cache afterwards, offline too", async () => {
    serve(WASM);
    const before = asked();
    const here = await files({ [NAME]: hex(WASM) });
    expect(await Promise.all([file(here), file(here)])).toEqual([WASM, WASM]);
    expect(asked() - before).toBe(1);
    at.site.down();
    expect(await file(await files({ [NAME]: hex(WASM) }))).toEqual(WASM);
  });

  test("that were changed in the cache, or deleted, are fetched again", async () => {
    serve(WASM);
    const here = await files({ [NAME]: hex(WASM) });
    await file(here);
    const before = asked();
    await at.otherCode(`
      const cache = await caches.open("ashore-runtime:/");
      for (const request of await cache.keys()) await cache.put(request, new Response(new Uint8Array(70000)));`);
    expect(await file(here)).toEqual(WASM);
    await at.otherCode(`await caches.delete("ashore-runtime:/")`);
    expect(await file(here)).toEqual(WASM);
    expect(asked() - before).toBe(2);
    at.site.down();
    expect(await file(here)).toEqual(WASM);
  });

  test("of other bytes than the build's are refused after a second look past the HTTP cache, and not kept", async () => {
    serve(new Uint8Array(70_000));
    const before = asked();
    const here = await files({ [NAME]: hex(WASM) });
    await expect(file(here)).rejects.toMatchObject({ code: "DIGEST_MISMATCH", message: expect.stringContaining(hex(WASM)) as string });
    expect([asked() - before, await keys()]).toEqual([2, []]);
    serve(WASM);
    expect(await file(here)).toEqual(WASM);
  });

  test("of another build go when one of this build comes in their place; those that it shares stay", async () => {
    const shared = new Uint8Array(10).fill(4);
    serve(shared, "shared.wasm");
    const old = new Uint8Array(20).fill(5);
    serve(old);
    const before = await files({ [NAME]: hex(old), "shared.wasm": hex(shared) });
    await file(before);
    await file(before, "shared.wasm");
    serve(WASM);
    await file(await files({ [NAME]: hex(WASM), "shared.wasm": hex(shared) }));
    expect([...(await keys())].sort()).toEqual([`/.ashore/runtime/${hex(WASM)}/${NAME}`, `/.ashore/runtime/${hex(shared)}/shared.wasm`].sort());
  });

  test("come also where they cannot be kept, which is reported", async () => {
    serve(new Uint8Array(300_000));
    await at.setQuota(100_000);
    expect(await file(await files({ [NAME]: hex(new Uint8Array(300_000)) }))).toEqual(new Uint8Array(300_000));
    expect(await at.worker.ask("problems")).toEqual([expect.stringMatching(/^STORE_FULL .*300000 bytes/)]);
  });

  test("of no name of the build's are NOT_FOUND, and who gives up is CANCELLED", async () => {
    const here = await files({ [NAME]: hex(WASM) });
    await expect(file(here, "constructor")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(file(here, NAME, AbortSignal.abort())).rejects.toMatchObject({ code: "CANCELLED" });
  });
});
