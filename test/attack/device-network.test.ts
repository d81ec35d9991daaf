import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { DAY, iso, sha256 } from "../unit/tuf/test-repository.ts";
import { goesOn, heals, makeGoods, refuses, Scene, type Goods } from "./scene.ts";

/**
 * A whole device under attack by who holds the network, a mirror, or an online key: each attack is refused with its own code,
 * running or restarted, while the device answers with what it had; and the next honest version is taken.
 */
let goods: Goods;
let scene: Scene;

beforeAll(async () => {
  goods = await makeGoods();
});
beforeEach(async () => {
  scene = await Scene.open(goods);
});
afterEach(() => scene.close());

/** What a snapshot or timestamp says of an earlier version of a role. */
function metaOf(role: string, version: number): object {
  const bytes = scene.repository.file(role, version);
  return { version, length: bytes.length, hashes: { sha256: sha256(bytes) } };
}

function setMeta(of: "snapshot" | "timestamp", role: string, meta: object): void {
  const signed = scene.repository.of(of);
  signed["meta"] = { ...(signed["meta"] as object), [`${role}.json`]: meta };
}

describe("rollback", () => {
  test("of the root", async () => {
    const { repository, device } = scene;
    const first = repository.file("root");
    repository.publish("root", "timestamp");
    await device.runtime.sync();
    repository.publish("timestamp");
    repository.fault = (path) => (path === "metadata/3.root.json" ? new Response(first) : undefined);
    await refuses(scene, "METADATA_ROLLBACK");
    await heals(scene);
  });

  test("of the timestamp", async () => {
    const { repository, device } = scene;
    const old = repository.file("timestamp");
    repository.publish("timestamp");
    await device.runtime.sync();
    repository.fault = (path) => (path === "metadata/timestamp.json" ? new Response(old) : undefined);
    await refuses(scene, "METADATA_ROLLBACK");
    await heals(scene);
  });

  test("of the snapshot, by a thief of the timestamp's key", async () => {
    const { repository } = scene;
    setMeta("timestamp", "snapshot", metaOf("snapshot", repository.of("snapshot").version - 1));
    repository.publish("timestamp");
    await refuses(scene, "METADATA_ROLLBACK");
    await heals(scene);
  });

  test.each(["targets", "publisher", "serving"])("of the role %s, by a thief of the online keys", async (role) => {
    const { repository, device } = scene;
    repository.publishTargets(role);
    await device.runtime.sync();
    setMeta("snapshot", role, metaOf(role, repository.of(role).version - 1));
    repository.publish("snapshot", "timestamp");
    await refuses(scene, "METADATA_ROLLBACK");
    await heals(scene, role);
  });

  test("by a snapshot that no longer lists a role", async () => {
    const { repository } = scene;
    const { "publisher.json": _, ...rest } = repository.of("snapshot")["meta"] as Record<string, unknown>;
    repository.of("snapshot")["meta"] = rest;
    repository.publish("snapshot", "timestamp");
    await refuses(scene, "METADATA_ROLLBACK");
    await heals(scene);
  });
});

describe("freeze", () => {
  test.each(["root", "timestamp", "snapshot", "targets", "publisher", "serving"])("by a role %s that is expired", async (role) => {
    const { repository, device } = scene;
    const until = repository.of(role).expires;
    repository.of(role).expires = "2029-12-31T23:59:59Z";
    scene.offer(3);
    if (role === "root") repository.publish("root");
    repository.publishTargets(...(role === "targets" ? ["targets"] : []), "publisher", "serving");
    await refuses(scene, "METADATA_EXPIRED");
    const since = Date.parse("2029-12-31T23:59:59Z");
    expect(device.events).toContainEqual(expect.objectContaining({ type: "trust", what: "expired", since }));
    expect(scene.device.runtime.models()).toMatchObject([{ name: "line", expiredSince: since }]);
    repository.of(role).expires = until;
    await heals(scene, ...(role === "root" || role === "targets" ? [role] : []));
    expect(scene.device.events.filter((event) => event.type === "trust" && event.what === "expired")).toEqual([]);
    expect(scene.device.runtime.models()[0]?.expiredSince).toBeUndefined();
  });

  test("by news that are held back", async () => {
    scene.clock.time += DAY;
    await refuses(scene, "METADATA_EXPIRED");
    scene.repository.of("timestamp").expires = iso(scene.clock.time + DAY);
    await heals(scene);
  });

  test("and a clock that is turned back brings nothing to life again", async () => {
    const { repository, clock, device } = scene;
    repository.of("timestamp").expires = iso(clock.time + 3 * DAY);
    repository.publish("timestamp");
    clock.time += 2 * DAY;
    await device.runtime.sync();
    repository.of("timestamp").expires = iso(clock.time - DAY);
    repository.publish("timestamp");
    clock.time -= 10 * DAY;
    await refuses(scene, "METADATA_EXPIRED");
    repository.of("timestamp").expires = iso(clock.time + 20 * DAY);
    await heals(scene);
  });
});

describe("mix and match", () => {
  test.each(["snapshot", "publisher", "serving"])("today's metadata with the %s of yesterday", async (role) => {
    const { repository } = scene;
    const old = repository.file(role);
    scene.offer(3);
    repository.publishTargets("publisher", "serving");
    const now = `metadata/${repository.of(role).version}.${role}.json`;
    // As long as what is named, so that it is refused for its content.
    const padded = `${new TextDecoder().decode(old)}${" ".repeat(Math.max(0, repository.file(role).length - old.length))}`;
    repository.fault = (path) => (path === now ? new Response(padded) : undefined);
    await refuses(scene, "METADATA_MISMATCH");
    await heals(scene);
  });

  test("a snapshot of one version and two contents", async () => {
    const { repository } = scene;
    const meta = repository.of("snapshot")["meta"];
    repository.publish("snapshot", "timestamp");
    const named = repository.file("snapshot").length;
    repository.of("snapshot")["meta"] = { ...(meta as object), "publisher.json": metaOf("publisher", 1) };
    repository.of("snapshot").version--;
    repository.publish("snapshot");
    expect(repository.file("snapshot").length).toBe(named);
    await refuses(scene, "METADATA_MISMATCH");
    await heals(scene);
  });
});

describe("fast forward", () => {
  test.each(["timestamp", "snapshot"] as const)("by a thief of the key of %s, who can stop news until the root takes the key away", async (role) => {
    const { repository, device } = scene;
    const honest = repository.of(role).version;
    repository.of(role).version = 2 ** 53 - 3;
    repository.publish(...(role === "snapshot" ? ["snapshot", "timestamp"] : ["timestamp"]));
    await device.runtime.sync();
    await goesOn(scene);
    repository.of(role).version = honest;
    repository.publish("snapshot", "timestamp");
    await refuses(scene, "METADATA_ROLLBACK");
    await repository.rotate(role);
    await heals(scene);
  });

  test("of a role, by a thief of the snapshot's key", async () => {
    const { repository } = scene;
    setMeta("snapshot", "curator", { version: 2 ** 53 - 1 });
    repository.publish("snapshot", "timestamp");
    await scene.device.runtime.sync();
    setMeta("snapshot", "curator", { version: 1 });
    repository.publish("snapshot", "timestamp");
    await refuses(scene, "METADATA_ROLLBACK");
    await repository.rotate("snapshot");
    await heals(scene);
  });
});

const FILES: readonly (readonly [string, RegExp])[] = [
  ["the next root", /^metadata\/\d+\.root\.json$/],
  ["the timestamp", /^metadata\/timestamp\.json$/],
  ["the snapshot", /^metadata\/\d+\.snapshot\.json$/],
  ["the targets", /^metadata\/\d+\.targets\.json$/],
  ["a delegated role", /^metadata\/\d+\.publisher\.json$/],
  ["the serving config", /^targets\/serving\//],
  ["a manifest", /^targets\/models\//],
  ["a blob", /^blobs\//],
];

describe("a body without end", () => {
  test.each(FILES)("in place of %s", async (_, pattern) => {
    const { repository } = scene;
    scene.offer(3);
    repository.publishTargets("targets", "publisher", "serving");
    let sent = 0;
    const piece = new Uint8Array(65_536);
    const endless = (): Response => new Response(new ReadableStream({
      pull: (body) => {
        sent += piece.length;
        body.enqueue(piece);
      },
    }));
    repository.fault = (path) => (pattern.test(path) ? endless() : undefined);
    await refuses(scene, "LIMIT_EXCEEDED");
    // Two devices, each of which asks for it twice at most, in two encodings, and no more than its limit and a piece.
    expect(sent).toBeLessThan(8 * 6 * 1024 * 1024);
    await heals(scene);
  });
});

describe("a body that drips", () => {
  test.each(FILES)("in place of %s", async (_, pattern) => {
    const { repository, clock } = scene;
    scene.offer(3);
    repository.publishTargets("targets", "publisher", "serving");
    const drip = (): Response => new Response(new ReadableStream({
      pull: async (body) => {
        await new Promise((resolve) => setImmediate(resolve));
        body.enqueue(Uint8Array.of(0x20));
        clock.passWindow();
      },
    }, { highWaterMark: 0 }));
    repository.fault = (path) => (pattern.test(path) ? drip() : undefined);
    await refuses(scene, "SLOW_RETRIEVAL");
    await heals(scene);
  });

  test("or never begins", async () => {
    const { repository, clock } = scene;
    repository.fault = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      clock.passWindow();
      return new Promise<never>(() => undefined);
    };
    await refuses(scene, "SLOW_RETRIEVAL");
    await heals(scene);
  });
});
