import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { modelName } from "../../protocol/names.ts";
import { journalOf } from "../../runtime/store/index.ts";
import { DAY, iso, TestRepository, type Bytes } from "../unit/tuf/test-repository.ts";
import { goesOn, heals, makeGoods, Scene, type Goods } from "./scene.ts";

/**
 * A program that ships another root than its device's: trust moves to it, out loud, and only by that. What hung on the old
 * chain (metadata, serving config, floors, the version served last) counts no more; what is held goes on until the new chain
 * names something.
 */
let goods: Goods;
let scene: Scene;
/** Another repository, of other keys, that offers version 1 alone: less than the device holds, and less than its floor. */
let other: Scene;
let otherRoot: Bytes;

beforeAll(async () => {
  goods = await makeGoods();
});
beforeEach(async () => {
  scene = await Scene.open(goods);
  scene.offer(2, { custom: { minVersion: 2 } });
  scene.repository.publishTargets("publisher");
  await scene.device.runtime.sync();
  other = await Scene.open(goods);
  otherRoot = other.repository.file("root");
  other.withdraw(2);
  other.offer(1);
  other.repository.publishTargets("publisher", "serving");
});
afterEach(async () => {
  await scene.close();
  await other.close();
});

/** The network leads to the other repository from now on. */
function reroute(): void {
  const { repository } = other;
  scene.repository.fault = (path) => {
    const bytes = repository.files.get(path);
    return bytes === undefined ? new Response("no such file", { status: 404 }) : new Response(bytes);
  };
}
const resets = (): number => scene.device.events.filter((event) => event.type === "trust" && event.what === "reset").length;
const served = async (): Promise<unknown> => {
  const journal = await scene.disk.journal.read();
  return journal && journalOf(journal, modelName("line")).served;
};

test("the new root's repository has its word, though it says less, and the old one's counts no more", async () => {
  reroute();
  await scene.restart({ root: otherRoot });
  // Until it is asked, what is held answers.
  expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
  await scene.device.runtime.sync();
  await scene.device.runtime.settled();
  expect(resets()).toBe(1);
  expect(scene.device.events).toContainEqual(expect.objectContaining({ type: "trust", what: "pinned" }));
  expect(await scene.answer()).toEqual({ status: 200, version: "1", y: 41 });
  expect(await served()).toMatchObject({ version: 1 });
  // It is said once, and it stays.
  await scene.restart({ root: otherRoot });
  expect(await scene.answer()).toEqual({ status: 200, version: "1", y: 41 });
  await scene.device.runtime.sync();
  expect(resets()).toBe(0);
  // The old repository is as strange now as any other.
  scene.repository.fault = undefined;
  scene.offer(3);
  scene.repository.publishTargets("publisher", "serving");
  await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^METADATA_/) as unknown });
  expect(await scene.answer()).toEqual({ status: 200, version: "1", y: 41 });
});

test("a new root whose repository cannot be reached, or says nothing of the model, leaves what is held answering", async () => {
  scene.repository.fault = () => {
    throw new TypeError("fetch failed");
  };
  await scene.restart({ root: otherRoot });
  await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: "NETWORK_FAILED" });
  expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });

  const empty = await TestRepository.create("ed25519");
  scene.repository.fault = (path) => new Response(empty.files.get(path) ?? null, { status: empty.files.has(path) ? 200 : 404 });
  await scene.restart({ root: empty.file("root") });
  await scene.device.runtime.sync();
  await scene.device.runtime.settled();
  expect(resets()).toBe(1);
  expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
  await scene.restart({ root: empty.file("root") });
  expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
});

describe("no reset", () => {
  test("without a shipped root: another repository behind the same address is refused", async () => {
    reroute();
    await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^METADATA_/) as unknown });
    await goesOn(scene);
    await scene.restart();
    await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^METADATA_/) as unknown });
    await goesOn(scene);
    expect(resets()).toBe(0);
    await heals(scene);
  });

  test("by the chain's own roots, older or newer than the device's", async () => {
    const first = scene.repository.file("root");
    await scene.repository.rotate("root");
    scene.repository.publish("timestamp");
    await scene.restart({ root: first });
    await scene.device.runtime.sync();
    await goesOn(scene);
    await scene.repository.rotate("root");
    scene.repository.publish("timestamp");
    await scene.restart({ root: scene.repository.file("root") });
    await scene.device.runtime.sync();
    await goesOn(scene);
    expect(resets()).toBe(0);
    await scene.restart({ root: first });
    await scene.device.runtime.sync();
    expect(resets()).toBe(0);
    await heals(scene);
  });

  test("by a root that is signed by nobody, or is none", async () => {
    const unsigned = new TextEncoder().encode(new TextDecoder().decode(otherRoot).replace(/"signatures":\[.*?\]/, '"signatures":[]'));
    for (const root of [unsigned, new TextEncoder().encode("<!doctype html>")]) {
      reroute();
      await scene.restart({ root });
      await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^METADATA_(UNSIGNED|MALFORMED)$/) as unknown });
      expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
      expect(resets()).toBe(0);
    }
    await scene.restart();
    await heals(scene);
  });
});

test("a power cut at any write of the reset ends with the new root trusted, and the reset told", async () => {
  reroute();
  await scene.close();
  const { metadata, journal } = scene.disk;
  // What the disk had before, by the names that anything was written under.
  const names = ["root.json", "timestamp.json", "snapshot.json", "targets.json", "publisher.json", "serving.json", "root-pin", "root-pin-copy", "seen"];
  const before = await Promise.all(names.map(async (name) => [name, await metadata.read(name)] as const));
  const journalBefore = await journal.read();
  for (let writes = 0, isWhole = false; !isWhole; writes++) {
    for (const [name, bytes] of before) await (bytes === undefined ? metadata.delete(name) : metadata.write(name, bytes));
    if (journalBefore !== undefined) await journal.write(journalBefore);
    let left = writes;
    const cut = <Args extends readonly unknown[]>(effect: (...args: Args) => Promise<void>) => async (...args: Args): Promise<void> => {
      if (left-- <= 0) throw new Error("the power is off");
      await effect(...args);
    };
    const disk = { blobs: scene.disk.blobs, metadata: { read: metadata.read, write: cut(metadata.write), delete: cut(metadata.delete) }, journal: { read: journal.read, write: cut(journal.write) } };
    const dying = await scene.start({ root: otherRoot }, disk);
    isWhole = await dying.runtime.sync().then(() => left > 0, () => false);
    const isTold = dying.events.some((event) => event.type === "trust" && event.what === "reset");
    await dying.runtime.settled();
    await dying.runtime.close();
    scene.device = await scene.start({ root: otherRoot });
    await scene.device.runtime.sync();
    await scene.device.runtime.settled();
    expect(await scene.answer(), `after ${writes} writes`).toEqual({ status: 200, version: "1", y: 41 });
    expect(isTold || resets() > 0, `told after ${writes} writes`).toBe(true);
    await scene.close();
    expect(writes).toBeLessThan(60);
  }
});

test("an expired repository is no reason to trust another one", async () => {
  reroute();
  scene.clock.time += 2 * DAY;
  other.repository.of("timestamp").expires = iso(scene.clock.time + DAY);
  other.repository.publish("timestamp");
  await expect(scene.device.runtime.sync()).rejects.toMatchObject({ code: expect.stringMatching(/^METADATA_/) as unknown });
  await goesOn(scene);
  expect(resets()).toBe(0);
});
