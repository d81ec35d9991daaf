import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { openFileRecordStore } from "../../edge/file-record-store.ts";
import { createTrust } from "../../runtime/trust/index.ts";
import { testKey } from "../unit/tuf/test-repository.ts";
import { goesOn, heals, makeGoods, refuses, Scene, type Goods } from "./scene.ts";

/** Roles are named by whoever delegates, and their names become names of files: on the server, and in a device's store. */
let goods: Goods;
let scene: Scene;

beforeAll(async () => {
  goods = await makeGoods();
});
beforeEach(async () => {
  scene = await Scene.open(goods);
});
afterEach(() => scene.close());

const delegatedRoles = (): object[] => (scene.repository.of("targets")["delegations"] as { roles: object[] }).roles;

describe("the name of a role", () => {
  const NAMES = ["../timestamp", "../../etc/passwd", "..", ".", "/etc/passwd", "a/../../b", "root-pin", "seen", "TIMESTAMP", "timestamp.json", "a?b#c", "%2e%2e%2f", "nul\0", "é\u202e", "__proto__", "constructor"];

  test.each(NAMES)("%j leads nowhere but to its own metadata and its own record", async (name) => {
    const { repository, device, disk } = scene;
    const folder = await mkdtemp(join(tmpdir(), "ashore-names-"));
    try {
      repository.keys.set(name, [await testKey("ed25519")]);
      repository.signed.set(name, { _type: "targets", spec_version: "1.0.34", version: 6, expires: repository.of("publisher").expires, targets: {} });
      repository.delegate(name, ["models/*/*/manifest.json"], { terminating: false });
      // Before the publisher, so that it is asked first.
      const roles = delegatedRoles();
      roles.unshift(...roles.splice(-1));
      repository.publishTargets("targets", name);
      const before = await disk.metadata.read("timestamp.json");
      repository.requests.length = 0;
      await device.runtime.sync();
      await goesOn(scene);
      expect(repository.requests.every((path) => /^metadata\/[^/]+$/.test(path)), repository.requests.join(" ")).toBe(true);
      expect(repository.requests).toContain(`metadata/7.${encodeURIComponent(name)}.json`);
      expect(await disk.metadata.read("timestamp.json")).not.toEqual(before);
      // The same on files: one more of them, in the folder.
      const store = await openFileRecordStore(join(folder, "records"));
      const trust = createTrust({ server: "http://server.test", fetch: repository.fetch, clock: scene.clock, store });
      await trust.poll();
      const known = await readdir(join(folder, "records"));
      await trust.find("models/line/9/manifest.json");
      expect((await readdir(join(folder, "records"))).length - known.length).toBe(2);
      expect(await readdir(folder)).toEqual(["records"]);
      expect(await createTrust({ server: "http://server.test", fetch: repository.fetch, clock: scene.clock, store }).poll()).toMatchObject({ changed: false });
      await heals(scene);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each(["timestamp", "root", ""])("%j is refused", async (name) => {
    delegatedRoles().push({ ...delegatedRoles()[0], name });
    scene.repository.publishTargets("targets");
    await refuses(scene, "METADATA_MALFORMED");
    delegatedRoles().pop();
    await heals(scene, "targets");
  });

  test.each(["curator", "constructor", "__proto__"])("%j is remembered with its version, whatever else is lost", async (name) => {
    const { repository, device, disk } = scene;
    const list = (version: number): void => {
      const meta = Object.entries(repository.of("snapshot")["meta"] as object).filter(([file]) => file !== `${name}.json`);
      repository.of("snapshot")["meta"] = Object.fromEntries([...meta, [`${name}.json`, { version }]]);
      repository.publish("snapshot", "timestamp");
    };
    list(8);
    await device.runtime.sync();
    await disk.metadata.delete("snapshot.json");
    await disk.metadata.delete("timestamp.json");
    list(7);
    await refuses(scene, "METADATA_ROLLBACK");
    list(8);
    await heals(scene);
  });
});
