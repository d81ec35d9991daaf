import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf, hexOf } from "../../protocol/digest.ts";
import { modelName, version as versionNumber } from "../../protocol/names.ts";
import { manifestPath, type TargetInfo } from "../../protocol/serving-config.ts";
import { addVersion, changeServing, publishVersion, revertTo, servingConfigFor } from "../../sync-server/publish/index.ts";
import { createInProcessEngineHost } from "../../engine/in-process-host.ts";
import { sealCommit, type Commit } from "../../sync-server/sign/commit.ts";
import { changeKeys, openKeyFolder, signDelegatedRole, type SigningKey } from "../../sync-server/sign/index.ts";
import { LIFETIMES } from "../../sync-server/sign/lifetimes.ts";
import { nextSnapshot, nextTimestamp } from "../../sync-server/sign/next-commit.ts";
import { readRepository, type Repository } from "../../sync-server/sign/repository.ts";
import { nodeFiles } from "../../sync-server/sign/signer-files.ts";
import { systemClock as clock } from "../../sync-server/system-clock.ts";
import { emptyDisk, testDevice, type Device } from "../unit/runtime/device.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { startUploadServer, type Publisher, type UploadServer } from "../support/upload-server.ts";

/**
 * A thief holds the whole server: its disk, its keys, its sockets. The publisher signs elsewhere, root and targets keys are
 * offline. The thief can choose among the versions that the publisher signed, and nothing else.
 */
const DIGITS = modelName("digits");
const V = versionNumber;

let server: UploadServer;
let publisher: Publisher;
let device: Device;
/** What the thief found in `keys/`. */
let stolen: readonly SigningKey[];

beforeEach(async () => {
  server = await startUploadServer();
  publisher = await server.publisher("digits");
  const keys = join(server.dataDir, "keys");
  for (const offline of ["root", "targets", "publisher"]) await rm(join(keys, `${offline}.json`));
  for (const version of [1, 2, 3]) await writeLinearModel(join(server.root, "digits", String(version)), 1, version);
  await publisher.publish(1);
  device = await testDevice({ fetch: server.fetch }, emptyDisk(), { polling: "host" });
  await device.runtime.start();
  await taken();
  await publisher.publish(2);
  await taken();
  stolen = await openKeyFolder(keys).read();
});
afterEach(async () => {
  await device.runtime.close();
  await server.close();
});

/** The device looks for news, and loads what it finds. */
async function taken(): Promise<void> {
  await device.runtime.sync();
  await device.runtime.settled();
}

const answer = (): ReturnType<Device["ask"]> => device.ask(40, "/v1/models/digits:predict");

async function goesOnWith(version: number): Promise<void> {
  expect(await answer()).toEqual({ status: 200, version: String(version), y: 40 + version });
}

/** A version of the thief's own making, on the server's disk. */
async function ownVersion(version: number): Promise<TargetInfo> {
  // Built in a folder whose keys are all the thief's.
  const workshop = await startUploadServer();
  try {
    await writeLinearModel(join(workshop.root, "evil"), 1, 666);
    const { manifest } = await publishVersion({ source: join(workshop.root, "evil"), model: DIGITS, version: V(version) }, { ...workshop.ports, engine: createInProcessEngineHost(), clock });
    for (const { path } of [...(await workshop.ports.storage.list("blobs")), ...(await workshop.ports.storage.list("targets/models"))]) {
      const bytes = await workshop.ports.storage.read(path);
      if (bytes !== undefined) await server.ports.storage.write(path, bytes);
    }
    return manifest;
  } finally {
    await workshop.close();
  }
}

/** Has devices offered that manifest, by the server's own part. */
async function offer(version: number, manifest: TargetInfo): Promise<void> {
  await changeServing(server.ports, DIGITS, ({ record }) => ({ record: addVersion(servingConfigFor(DIGITS, record), V(version), manifest, { fromRepository: false }) }));
}

/** Publishes what the thief says by the stolen online keys, proved by nobody. */
async function force(change: (before: Repository) => Pick<Commit, "roles"> & Partial<Commit>): Promise<void> {
  const before = await readRepository(server.dataDir, nodeFiles);
  if (before === undefined) throw new Error("nothing is published");
  const dating = { lifetimes: LIFETIMES, now: clock.now() };
  const { snapshot, timestamp } = before.root.signed.roles;
  const sealed = await sealCommit(stolen, { snapshot: nextSnapshot(before, [snapshot], dating), timestamp: nextTimestamp(before, [timestamp], dating), ...change(before) });
  for (const { name, bytes } of sealed) await writeFile(join(server.dataDir, "metadata", name), bytes);
}

describe("what a thief of the server can do", () => {
  test("is to choose among the versions that the publisher signed", async () => {
    expect((await readdir(join(server.dataDir, "keys"))).sort()).toEqual(["serving.json", "snapshot.json", "timestamp.json"]);
    await goesOnWith(2);
    await changeServing(server.ports, DIGITS, ({ record, state }) => {
      const target = state.roles.get("publisher-digits")?.targets.get(manifestPath(DIGITS, V(1)));
      return record === undefined || target === undefined ? undefined : { record: revertTo(record, V(1), { sha256: target.sha256, length: target.length }) };
    });
    await taken();
    await goesOnWith(1);
  });

  test("but none below the lowest that the publisher allows", async () => {
    await publisher.publish(2, { minVersion: V(2) });
    await taken();
    await changeServing(server.ports, DIGITS, ({ record, state }) => {
      const target = state.roles.get("publisher-digits")?.targets.get(manifestPath(DIGITS, V(1)));
      return record === undefined || target === undefined ? undefined : { record: revertTo(record, V(1), { sha256: target.sha256, length: target.length }) };
    });
    await device.runtime.sync().catch(() => undefined);
    await device.runtime.settled();
    await goesOnWith(2);
  });
});

describe("what a thief of the server cannot do", () => {
  test("have a version of its own served: nobody signed for it", async () => {
    await offer(3, await ownVersion(3));
    await device.runtime.sync().catch(() => undefined);
    await device.runtime.settled();
    await goesOnWith(2);
    const fresh = await testDevice({ fetch: server.fetch }, emptyDisk(), { polling: "host" });
    await fresh.runtime.start();
    await fresh.runtime.sync().catch(() => undefined);
    await fresh.runtime.settled();
    expect(await fresh.ask(40, "/v1/models/digits:predict")).toMatchObject({ status: 200, version: "2", y: 42 });
    await fresh.runtime.close();
  });

  test("have other bytes served under a version that the publisher signed: what is left is what both agree on", async () => {
    await offer(2, await ownVersion(2));
    await taken();
    await goesOnWith(1);
    const fresh = await testDevice({ fetch: server.fetch }, emptyDisk(), { polling: "host" });
    await fresh.runtime.start();
    await fresh.runtime.sync();
    await fresh.runtime.settled();
    expect(await fresh.ask(40, "/v1/models/digits:predict")).toEqual({ status: 200, version: "1", y: 41 });
    await fresh.runtime.close();
  });

  test("sign for the publisher: its own signing refuses, and devices refuse what it signs all the same", async () => {
    const evil = await ownVersion(3);
    await expect(server.ports.signer.update((draft) => void draft.targets("publisher-digits").set(manifestPath(DIGITS, V(3)), evil))).rejects.toMatchObject({ code: "KEY_MISSING" });
    await offer(3, evil);
    const before = await readRepository(server.dataDir, nodeFiles);
    const found = before?.roles.get("publisher-digits");
    const targets = new Map([...(await server.ports.signer.read()).roles.get("publisher-digits")?.targets ?? []]);
    const forged = await signDelegatedRole({ role: "publisher-digits", previous: found?.metadata, targets: targets.set(manifestPath(DIGITS, V(3)), evil), keys: stolen, clock });
    await force(() => ({ roles: new Map([["publisher-digits", { version: 3, bytes: forged }]]) }));
    await expect(device.runtime.sync()).rejects.toMatchObject({ code: "METADATA_UNSIGNED" });
    await goesOnWith(2);
  });

  test("give the model to keys of its own: who may sign is for the targets keys to say", async () => {
    const change = { kind: "rotate", role: "publisher-digits" } as const;
    await expect(changeKeys({ dataDir: server.dataDir, clock, change })).rejects.toMatchObject({ code: "KEY_MISSING" });
    await taken();
    await goesOnWith(2);
  });

  test("bring back what the publisher signed before", async () => {
    await publisher.publish(3);
    await taken();
    const old = await server.ports.storage.read("metadata/2.publisher-digits.json");
    if (old === undefined) throw new Error("nothing was published");
    await force(() => ({ roles: new Map([["publisher-digits", { version: 2, bytes: old }]]) }));
    await expect(device.runtime.sync()).rejects.toMatchObject({ code: "METADATA_ROLLBACK" });
    await goesOnWith(3);
  });

  test("swap a blob: its bytes are named by the manifest that the publisher signed", async () => {
    await publisher.publish(3);
    const { storage } = server.ports;
    for (const { path } of await storage.list("blobs")) {
      const bytes = await storage.read(path);
      if (bytes === undefined || `blobs/sha256/${hexOf(await digestOf(bytes))}` !== path) throw new Error(path);
      bytes.fill(7);
      await storage.write(path, bytes);
    }
    await expect(device.runtime.sync()).rejects.toMatchObject({ code: "DIGEST_MISMATCH" });
    await goesOnWith(2);
  });
});
