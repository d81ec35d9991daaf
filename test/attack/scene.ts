import { expect } from "vitest";
import { parseManifest, type Manifest } from "../../protocol/manifest.ts";
import { modelName, version as versionOf } from "../../protocol/names.ts";
import { manifestPath, printServingConfig, servingConfigPath, type ServingConfig, type TargetInfo } from "../../protocol/serving-config.ts";
import { writeLinearModel } from "../support/make-model.ts";
import { startPublishing } from "../support/publishing.ts";
import { emptyDisk, testDevice, type Device, type Disk } from "../unit/runtime/device.ts";
import { testClock, type TestClock } from "../unit/sync/make-device.ts";
import { NOW, sha256, TestRepository, type Bytes } from "../unit/tuf/test-repository.ts";

/** Models as a publisher builds them, manifests and blobs, to be signed for by whoever holds the keys. */
export interface Goods {
  manifest(model: string, version: number): Manifest;
  manifestText(model: string, version: number): string;
  /** By the path that they are served at. */
  readonly blobs: ReadonlyMap<string, Bytes>;
}

/** Versions 1 to 4 of `line` compute y = x + version; version 1 of `curve` computes y = 3 x. */
export async function makeGoods(): Promise<Goods> {
  const publishing = await startPublishing();
  try {
    const { storage } = publishing.ports;
    const manifests = new Map<string, Bytes>();
    const blobs = new Map<string, Bytes>();
    for (const [model, version, a, b] of [["line", 1, 1, 1], ["line", 2, 1, 2], ["line", 3, 1, 3], ["line", 4, 1, 4], ["curve", 1, 3, 0]] as const) {
      await writeLinearModel(publishing.folder(`${model}/${version}`), a, b);
      await publishing.publish(model, version);
    }
    for (const { path } of [...(await storage.list("targets")), ...(await storage.list("blobs"))]) {
      const bytes = await storage.read(path);
      const name = /^targets\/models\/(.+)\/[0-9a-f]{64}\.manifest\.json$/.exec(path)?.[1];
      if (bytes !== undefined && name !== undefined) manifests.set(name, bytes);
      else if (bytes !== undefined && path.startsWith("blobs/")) blobs.set(path, bytes);
    }
    const bytesOf = (model: string, version: number): Bytes => {
      const bytes = manifests.get(`${model}/${version}`);
      if (bytes === undefined) throw new Error(`${model} ${version} was not made`);
      return bytes;
    };
    return {
      blobs,
      manifest: (model, version) => parseManifest(bytesOf(model, version)),
      manifestText: (model, version) => new TextDecoder().decode(bytesOf(model, version)),
    };
  } finally {
    await publishing.close();
  }
}

export interface SceneClock extends TestClock {
  time: number;
}

export interface Offered {
  readonly model?: string;
  /** Who signs for the manifest. */
  readonly role?: string;
  /** The manifest, where it is not the one that was built. */
  readonly text?: string;
  readonly custom?: object;
}

/**
 * A device that answers with version 2 of `line`, having answered with version 1 before, and a server all of whose keys are in
 * the hands of the test: it signs for real, and can sign for anything.
 */
export class Scene {
  readonly repository: TestRepository;
  readonly goods: Goods;
  readonly disk: Disk = emptyDisk();
  readonly clock: SceneClock;
  device!: Device; // set by `open`, the only way to a scene
  readonly #offers = new Map<string, Map<number, TargetInfo>>();

  private constructor(repository: TestRepository, goods: Goods) {
    this.repository = repository;
    this.goods = goods;
    const clock: SceneClock = { ...testClock(), time: NOW, now: () => clock.time };
    this.clock = clock;
    for (const [path, bytes] of goods.blobs) repository.files.set(path, bytes);
  }

  static async open(goods: Goods): Promise<Scene> {
    // Signatures of one length, so that what is refused is refused for its content.
    const scene = new Scene(await TestRepository.create("ed25519"), goods);
    scene.device = await scene.start();
    for (const version of [1, 2]) {
      scene.offer(version);
      scene.repository.publishTargets("publisher", "serving");
      await scene.device.runtime.sync();
      await scene.device.runtime.settled();
    }
    return scene;
  }

  async start(options: Parameters<typeof testDevice>[2] = {}, disk: Disk = this.disk): Promise<Device> {
    const device = await testDevice(this.repository, disk, { clock: this.clock, polling: "host", ...options });
    await device.runtime.start();
    return device;
  }

  async restart(options: Parameters<typeof testDevice>[2] = {}): Promise<void> {
    await this.close();
    this.device = await this.start(options);
  }

  close(): Promise<void> {
    return this.device.runtime.close();
  }

  answer(): ReturnType<Device["ask"]> {
    return this.device.ask(40);
  }

  /** Signs for a version and serves it beside those that were served before; not yet published. */
  offer(version: number, { model = "line", role = "publisher", text = this.goods.manifestText(model, version), custom }: Offered = {}): void {
    const bytes = this.repository.setTarget(role, manifestPath(modelName(model), versionOf(version)), text, custom);
    this.serve(version, { sha256: sha256(bytes), length: bytes.length }, { model });
  }

  /** Serves a version, whoever signed for it or did not. */
  serve(version: number, manifest: TargetInfo, { model = "line", change = {} }: { readonly model?: string; readonly change?: Partial<ServingConfig> } = {}): void {
    const offers = this.#offers.get(model) ?? new Map<number, TargetInfo>();
    this.#offers.set(model, offers.set(version, manifest));
    const config: ServingConfig = {
      schemaVersion: 1,
      model: modelName(model),
      versions: [...offers].map(([number, info]) => ({ version: versionOf(number), manifest: info })),
      policy: { latest: 1 },
      labels: {},
      blocked: [],
      halt: false,
      pollSeconds: 60,
      ...change,
    };
    this.serveText(new TextDecoder().decode(printServingConfig(config)), model);
  }

  serveText(text: string, model = "line"): void {
    this.repository.setTarget("serving", servingConfigPath(modelName(model)), text);
  }

  /** What a version was offered with, taken back. */
  withdraw(version: number, model = "line"): void {
    this.#offers.get(model)?.delete(version);
    delete (this.repository.of("publisher")["targets"] as Record<string, unknown>)[manifestPath(modelName(model), versionOf(version))];
  }
}

/** The attack is refused with that code by the running device and by a restarted one, and both go on with version 2. */
export async function refuses(scene: Scene, code: string): Promise<void> {
  await refusesOnce(scene, code);
  await scene.restart();
  await refusesOnce(scene, code);
}

/** It is refused with that code once, and never asked for again, after a restart either: the fault is the version's own. */
export async function refusesForGood(scene: Scene, code: string): Promise<void> {
  await refusesOnce(scene, code);
  scene.repository.requests.length = 0;
  await scene.restart();
  await scene.device.runtime.sync();
  await goesOn(scene);
  expect(scene.repository.requests).toEqual(["metadata/timestamp.json"]);
}

async function refusesOnce(scene: Scene, code: string): Promise<void> {
  const thrown: unknown = await scene.device.runtime.sync().then(() => undefined, (error: unknown) => error);
  expect(thrown, `the look for news was to end with ${code}`).toMatchObject({ code });
  await goesOn(scene);
}

/** What was held answers, and no other version was even loaded. */
export async function goesOn(scene: Scene): Promise<void> {
  await scene.device.runtime.settled();
  expect(await scene.answer()).toEqual({ status: 200, version: "2", y: 42 });
  expect(scene.device.states.filter((state) => !/^[12] /.test(state))).toEqual([]);
}

/** The next honest version is taken, and answers after a restart too. */
export async function heals(scene: Scene, ...roles: readonly string[]): Promise<void> {
  scene.repository.fault = undefined;
  scene.offer(3);
  scene.repository.publishTargets(...roles, "publisher", "serving");
  await scene.device.runtime.sync();
  await scene.device.runtime.settled();
  expect(await scene.answer()).toEqual({ status: 200, version: "3", y: 43 });
  await scene.restart();
  expect(await scene.answer()).toEqual({ status: 200, version: "3", y: 43 });
}
