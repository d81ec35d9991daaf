import { readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { modelName, version as versionNumber } from "../../../protocol/names.ts";
import { parseServingConfig } from "../../../protocol/serving-config.ts";
import type { FetchPort } from "../../../runtime/ports.ts";
import { memoryRecords } from "../../../runtime/store/index.ts";
import { createTrust } from "../../../runtime/trust/index.ts";
import { changeServing, revertTo } from "../../../sync-server/publish/index.ts";
import { collectGarbage } from "../../../sync-server/storage/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { offeredBy, startUploadServer, UPLOAD_URL, type Publisher, type UploadServer } from "../../support/upload-server.ts";

let server: UploadServer;
let publisher: Publisher;
beforeEach(async () => {
  server = await startUploadServer();
  publisher = await server.publisher("digits");
  for (const version of [1, 2, 3]) await writeLinearModel(join(server.root, "digits", String(version)), version, 0, { ballast: 1 << 15 });
});
afterEach(() => server.close());

/** What goes over the wire, `METHOD /path` each; `before` may wait, or throw as a network does. */
function watched(seen: string[], before: (line: string) => Promise<void> | void = () => undefined, after: (line: string) => void = () => undefined): FetchPort {
  return async (url, init) => {
    const line = `${init?.method ?? "GET"} ${new URL(url).pathname}`;
    await before(line);
    seen.push(line);
    const answer = await server.fetch(url, init);
    after(line);
    return answer;
  };
}

const puts = (seen: readonly string[], kind = ""): readonly string[] => seen.filter((line) => line.startsWith(`PUT /${kind}`));
const networkFails = (): never => {
  throw new TypeError("fetch failed");
};

async function devicesTake(version: number): Promise<unknown> {
  const device = createTrust({ server: UPLOAD_URL, fetch: server.fetch, clock: systemClock, store: memoryRecords() });
  await device.poll();
  const config = await device.find("serving/digits.json");
  const manifest = await device.find(`models/digits/${version}/manifest.json`);
  if (config === undefined || manifest === undefined) return undefined;
  const { versions } = parseServingConfig(await device.fetchTarget(config));
  const agreed = versions.find((entry) => entry.version === version)?.manifest.sha256 === manifest.sha256;
  await device.fetchTarget(manifest);
  return { signedBy: manifest.role, metadata: manifest.roleVersion, agreed, custom: manifest.custom };
}

describe("publishing to a server that has none of the keys", () => {
  test("a device finds the version signed by the publisher, and offered by the server", async () => {
    const { outcome, blobs } = await publisher.publish(1);
    expect(outcome).toBe("published");
    expect(blobs).toMatchObject({ held: 0 });
    expect(await devicesTake(1)).toMatchObject({ signedBy: "publisher-digits", metadata: 1, agreed: true, custom: { sourceDigest: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown } });
    expect((await server.ports.signer.read()).roles.get("publisher-digits")?.signable).toBe(false);
    await publisher.publish(2, { minVersion: versionNumber(2) });
    expect(await devicesTake(2)).toMatchObject({ metadata: 2, agreed: true, custom: { minVersion: 2 } });
    expect(await offeredBy(server, "digits")).toEqual([1, 2]);
  });

  test("the same source publishes nothing and sends no blob; a higher minimum version is signed", async () => {
    await publisher.publish(1);
    const before = server.signed();
    const seen: string[] = [];
    expect(await publisher.publish(1, {}, { fetch: watched(seen) })).toMatchObject({ outcome: "unchanged", blobs: { sent: 0 } });
    expect(puts(seen)).toEqual(["PUT /metadata/publisher-digits.json"]);
    expect(server.signed()).toBe(before);
    expect(await publisher.publish(1, { minVersion: versionNumber(1) })).toMatchObject({ outcome: "unchanged" });
    expect(await devicesTake(1)).toMatchObject({ metadata: 2, custom: { minVersion: 1 } });
  });

  test("the same source signs anew what is past half of its life", async () => {
    await publisher.publish(1);
    const clock = { ...systemClock, now: () => Date.now() + 183 * 86_400_000 };
    expect(await publisher.publish(1, {}, { clock })).toMatchObject({ outcome: "unchanged", blobs: { sent: 0 } });
    expect(await devicesTake(1)).toMatchObject({ metadata: 2, agreed: true });
  });

  test("other bytes under an old number are refused before anything is sent", async () => {
    await publisher.publish(1);
    await writeLinearModel(join(server.root, "other"), 9, 9);
    const seen: string[] = [];
    await expect(publisher.publish(1, { source: join(server.root, "other") }, { fetch: watched(seen) })).rejects.toMatchObject({ code: "VERSION_REBOUND" });
    expect(puts(seen)).toEqual([]);
  });

  test("the server too refuses other bytes under an old number, whatever the publisher signed", async () => {
    await publisher.publish(1);
    const path = "models/digits/1/manifest.json";
    const bytes = await publisher.sign(2, new Map([[path, { sha256: "a".repeat(64), length: 1 }]]));
    const answer = await server.fetch(`${UPLOAD_URL}/metadata/publisher-digits.json`, { method: "PUT", body: bytes, headers: { authorization: `Bearer ${publisher.token}` } });
    expect([answer.status, await answer.json()]).toEqual([409, { code: "VERSION_REBOUND", error: expect.stringContaining(path) as unknown }]);
    expect(await devicesTake(1)).toMatchObject({ metadata: 1 });
  });

  test("needs the model to be delegated, and one of the keys that it was delegated to", async () => {
    const stranger = await server.publisher("pears", { delegate: false });
    const source = join(server.root, "digits/1");
    await expect(stranger.publish(1, { source })).rejects.toMatchObject({ code: "NOT_FOUND", message: expect.stringMatching(/ashore keys delegate pears --key/) as unknown });
    await expect(publisher.publish(1, {}, { keys: stranger.keys })).rejects.toMatchObject({ code: "KEY_MISSING" });
  });

  test("a token of another publisher, or none of the server's, publishes nothing", async () => {
    const pears = await server.publisher("pears");
    const before = server.signed();
    await expect(publisher.publish(1, {}, { token: pears.token })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(publisher.publish(1, {}, { token: "ashore_guess" })).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    expect(server.signed()).toBe(before);
  });

  test("a token alone signs nothing: metadata without the publisher's signature is refused", async () => {
    await publisher.publish(1);
    const { fetch } = server;
    const own = await (await fetch(`${UPLOAD_URL}/metadata/1.publisher-digits.json`)).text();
    const forged = own.replace('"version":1', '"version":2');
    const answer = await fetch(`${UPLOAD_URL}/metadata/publisher-digits.json`, { method: "PUT", body: forged, headers: { authorization: `Bearer ${publisher.token}` } });
    expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ code: "METADATA_UNSIGNED" })]);
    expect(await devicesTake(1)).toMatchObject({ metadata: 1 });
  });
});

describe("two publishers of one model at once", () => {
  let other: Publisher;
  beforeEach(async () => {
    other = await server.publisher("digits", { delegate: false });
  });

  /** Each waits with its metadata until the other has its own ready. */
  function abreast(): () => FetchPort {
    let waiting = 2;
    let open: () => void = () => undefined;
    const both = new Promise<void>((resolve) => (open = resolve));
    return () => watched([], async (line) => {
      if (!line.startsWith("PUT /metadata/") || waiting === 0) return;
      if (--waiting === 0) open();
      await both;
    });
  }

  test("both get through, one after the other: who is late takes the other's in and signs on top", async () => {
    const network = abreast();
    const results = await Promise.all([publisher.publish(1, {}, { fetch: network() }), other.publish(2, {}, { fetch: network(), keys: publisher.keys })]);
    expect(results.map(({ outcome }) => outcome)).toEqual(["published", "published"]);
    expect(await offeredBy(server, "digits")).toEqual([1, 2]);
    for (const version of [1, 2]) expect(await devicesTake(version)).toMatchObject({ metadata: 2, agreed: true });
  });

  test("with the same version, the manifest that was signed first is everyone's", async () => {
    const network = abreast();
    const results = await Promise.all([publisher.publish(1, {}, { fetch: network() }), other.publish(1, {}, { fetch: network(), keys: publisher.keys })]);
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(["published", "unchanged"]);
    expect(results[0]?.manifest).toEqual(results[1]?.manifest);
    expect(await devicesTake(1)).toMatchObject({ metadata: 1, agreed: true });
  });

  test("with other bytes under the same version, the first wins and the second is told", async () => {
    const network = abreast();
    const results = await Promise.allSettled([publisher.publish(1, {}, { fetch: network() }), other.publish(1, { source: join(server.root, "digits/2") }, { fetch: network(), keys: publisher.keys })]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(results.find(({ status }) => status === "rejected")).toMatchObject({ reason: { code: "VERSION_REBOUND" } });
  });

  test("who always comes late gives up", async () => {
    let version = 2;
    await writeLinearModel(join(server.root, "small"), 2, 0);
    const late = watched([], async (line) => {
      if (line.startsWith("PUT /metadata/")) await other.publish(version++, { source: join(server.root, "small") }, { keys: publisher.keys });
    });
    const clock = { ...systemClock, sleep: async () => undefined };
    await expect(publisher.publish(1, {}, { fetch: late, clock })).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("an upload that is cut off", () => {
  test("at any request is finished by the next run, which sends nothing twice", async () => {
    const all: string[] = [];
    await publisher.publish(1, {}, { fetch: watched(all) });
    const count = puts(all, "blobs/").length;
    expect(count).toBeGreaterThan(3);
    for (let cut = 1; cut <= 2; cut++) {
      const version = 1 + cut;
      const first: string[] = [];
      const ending = new AbortController();
      const dies = watched(first, () => {
        if (puts(first, "blobs/").length === cut) {
          ending.abort();
          throw new DOMException("gone", "AbortError");
        }
      });
      await expect(publisher.publish(version, {}, { fetch: dies, signal: ending.signal })).rejects.toMatchObject({ code: "CANCELLED" });
      expect(await devicesTake(version)).toBeUndefined();
      const second: string[] = [];
      const { blobs } = await publisher.publish(version, {}, { fetch: watched(second) });
      const sent = puts(first, "blobs/");
      expect(sent).toHaveLength(cut);
      expect(puts(second, "blobs/").filter((line) => sent.includes(line))).toEqual([]);
      expect(blobs.held).toBeGreaterThanOrEqual(cut);
      expect(await devicesTake(version)).toMatchObject({ agreed: true });
    }
  });

  test("for a moment goes on by itself, and an answer that is lost publishes once", async () => {
    let failures = 0;
    const flaky = watched([], (line) => {
      if (line.startsWith("PUT /blobs/") && ++failures <= 2) networkFails();
    }, (line) => {
      if (line.startsWith("PUT /metadata/") && ++failures <= 4) networkFails();
    });
    expect(await publisher.publish(1, {}, { fetch: flaky })).toMatchObject({ outcome: "published" });
    expect(await devicesTake(1)).toMatchObject({ metadata: 1, agreed: true });
  });

  test("leaves a body that is cut short under no name", async () => {
    const before = await server.ports.storage.list("blobs");
    const cutting: FetchPort = (url, init) => {
      const { body } = init ?? {};
      return server.fetch(url, init?.method === "PUT" && body instanceof Uint8Array ? { ...init, body: body.slice(1) } : init);
    };
    await expect(publisher.publish(1, {}, { fetch: cutting })).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    expect(await server.ports.storage.list("blobs")).toEqual(before);
  });
});

describe("a server that ends, or loses something, between two steps", () => {
  test("after it took the metadata, offers the version once it is published again", async () => {
    await server.close();
    let dead = false;
    server = await startUploadServer((storage) => ({
      ...storage,
      write: async (path, ...rest) => {
        if (dead && path.startsWith("targets/serving/")) throw new Error("killed");
        return storage.write(path, ...rest);
      },
    }));
    publisher = await server.publisher("digits");
    await writeLinearModel(join(server.root, "digits/1"), 1, 0);
    dead = true;
    await expect(publisher.publish(1)).rejects.toThrow();
    expect(await offeredBy(server, "digits")).toBeUndefined();
    dead = false;
    expect(await publisher.publish(1)).toMatchObject({ outcome: "unchanged", blobs: { sent: 0 } });
    expect(await offeredBy(server, "digits")).toEqual([1]);
    expect(await devicesTake(1)).toMatchObject({ metadata: 1, agreed: true });
  });

  test("whose blob went meanwhile names nothing; the next run sends what is missing", async () => {
    const seen: string[] = [];
    let lost = "";
    const losing = watched(seen, async (line) => {
      if (!line.startsWith("PUT /targets/")) return;
      lost = puts(seen, "blobs/")[1]?.slice("PUT /".length) ?? "";
      await server.ports.storage.delete(lost);
    });
    await expect(publisher.publish(1, {}, { fetch: losing })).rejects.toMatchObject({ code: "TARGET_NOT_FOUND" });
    expect((await server.ports.signer.read()).roles.get("publisher-digits")?.version).toBe(0);
    const again: string[] = [];
    await publisher.publish(1, {}, { fetch: watched(again) });
    expect(puts(again, "blobs/")).toEqual([`PUT /${lost}`]);
  });

  test("keeps what was sent long before from a collection that is about to take it", async () => {
    const cut = new AbortController();
    const dies = watched([], (line) => {
      if (line.startsWith("PUT /metadata/")) cut.abort();
    });
    await expect(publisher.publish(1, {}, { fetch: dies, signal: cut.signal })).rejects.toMatchObject({ code: "CANCELLED" });
    const folder = join(server.dataDir, "blobs/sha256");
    const old = new Date(Date.now() - 23 * 3_600_000);
    for (const name of await readdir(folder)) await utimes(join(folder, name), old, old);
    const { storage } = server.ports;
    let result: Awaited<ReturnType<Publisher["publish"]>> | undefined;
    const collecting = {
      ...storage,
      // Between the listing of blobs and their removal the publish is finished.
      list: async (...args: Parameters<typeof storage.list>) => {
        const files = await storage.list(...args);
        if (args[0] === "metadata") result ??= await publisher.publish(1);
        return files;
      },
    };
    const names = await readdir(folder);
    await collectGarbage(collecting, { now: Date.now() + 2 * 3_600_000 });
    expect(result).toMatchObject({ outcome: "published", blobs: { sent: 0 } });
    expect(await readdir(folder)).toEqual(names);
  });
});

test("what an operator reverted stays reverted, and the publisher is told", async () => {
  for (const version of [1, 2]) await publisher.publish(version);
  await changeServing(server.ports, modelName("digits"), ({ record, state }) => {
    const target = state.roles.get("publisher-digits")?.targets.get("models/digits/1/manifest.json");
    return record === undefined || target === undefined ? undefined : { record: revertTo(record, versionNumber(1), { sha256: target.sha256, length: target.length }) };
  });
  expect((await publisher.publish(2)).notes).toEqual([expect.stringMatching(/does not offer version 2 .*reverted/)]);
  expect((await publisher.publish(3)).notes).toEqual([]);
  expect(await offeredBy(server, "digits")).toEqual([1, 3]);
});
