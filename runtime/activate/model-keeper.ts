import type { AspiredVersion } from "../../protocol/aspired.ts";
import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { bucketOf, rolloutSalt } from "../../protocol/rollout.ts";
import { manifestPath, parseServingConfig, servingConfigPath, type ServingConfig, type TargetInfo } from "../../protocol/serving-config.ts";
import type { BlobStore, JournalModel, Ports, WithSignal } from "../ports.ts";
import { forgetVersion, journalOf, markFailed, markServed, setConfig, type JournalKeeper } from "../store/index.ts";
import { retrying, type Progress, type VersionFetcher } from "../sync/index.ts";
import type { Trust, TrustedTarget } from "../trust/index.ts";
import { desiredVersions, type DesiredVersions } from "./desired.ts";
import type { Manager } from "./manager.ts";
import type { Wanted } from "./servable.ts";
import { isVerdict } from "./verdict.ts";

export interface ModelKeeperPorts extends Pick<Ports, "clock" | "random" | "report"> {
  readonly trust: Trust;
  readonly journal: JournalKeeper;
  /** Must verify what it reads. */
  readonly blobs: BlobStore;
  readonly fetcher: VersionFetcher;
  readonly manager: Manager;
  /** Aborted when the runtime is closed. */
  readonly closing: AbortSignal;
  /** Asks for a sync soon: something that was held is gone. */
  readonly syncSoon: () => void;
}

/** What a device knows of one model, and what it makes of it: which versions to fetch, to load, and to keep. */
export class ModelKeeper {
  readonly name: ModelName;
  readonly #ports: ModelKeeperPorts;
  #config: ServingConfig | undefined;
  #metadataVersion = 0;
  #floor = 0;
  #bucket = 0;
  #published: ReadonlyMap<number, TargetInfo> = new Map();
  /** Digests that this host cannot run, as long as it lives. */
  readonly #unable = new Set<Digest>();
  /** Digests that failed for a reason that may pass; tried again soon, and with the next look for news. */
  readonly #unfit = new Set<Digest>();
  /** Damaged versions whose healing was asked for, each once until it is AVAILABLE again. */
  readonly #healing = new Set<Version>();
  #isVanished = false;

  constructor(name: ModelName, ports: ModelKeeperPorts) {
    this.name = name;
    this.#ports = ports;
  }

  get pollSeconds(): number | undefined {
    return this.#config?.pollSeconds;
  }

  /** Takes up what is stored, without network. `trusted`: whether stored metadata was taken up before. */
  async recall(trusted: boolean, options: WithSignal): Promise<void> {
    const { config } = this.#record;
    if (config !== null) {
      const bytes = await this.#ports.blobs.get(digestOfHex(config.target.sha256), options);
      if (bytes !== undefined) await this.#configure(parseServingConfig(bytes, servingConfigPath(this.name)), config.metadataVersion);
    }
    // What is held was published and agreed upon when it was taken; without metadata to ask, that has to do.
    this.#published = new Map(this.#record.held.map(({ version, manifest }) => [version, manifest]));
    if (!trusted) return;
    try {
      await this.#readPublished(options);
    } catch (thrown) {
      this.#problem(asAshoreError(thrown));
    }
  }

  /** Takes in what trusted metadata says now; what fails is told too. @throws what fetching and storing the serving config throw */
  async refresh(target: TrustedTarget | undefined, options: WithSignal): Promise<void> {
    if (target === undefined) {
      this.#vanished();
      return;
    }
    this.#isVanished = false;
    try {
      await this.#take(target, options);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      this.#problem(asAshoreError(thrown));
      throw thrown;
    }
  }

  /** Tries again what failed for a reason that may have passed. */
  retry(): void {
    if (this.#unfit.size === 0) return;
    this.#unfit.clear();
    this.apply();
  }

  /** Tells the manager what to have loaded now; safe to repeat. */
  apply(): DesiredVersions {
    const desired = this.#desired();
    this.#ports.manager.setAspired(this.name, {
      aspired: desired.loaded.map(({ version, manifest }) => ({ version, digest: digestOfHex(manifest.sha256) })),
      blocked: desired.blocked,
      labels: desired.labels,
      latestFloor: desired.latestFloor,
    });
    this.#confirmServed(desired);
    return desired;
  }

  /** Fetches what is missing, the newest first, each loaded as soon as it is whole. One that cannot be had does not stop the others. */
  async fetchMissing(options: WithSignal): Promise<void> {
    const faults: AshoreError[] = [];
    const tried = new Set<string>();
    for (;;) {
      const next = this.#desired().missing.find(({ manifest }) => !tried.has(manifest.sha256));
      if (next === undefined) break;
      tried.add(next.manifest.sha256);
      try {
        await this.#fetch(next, options);
        this.apply();
      } catch (thrown) {
        options.signal?.throwIfAborted();
        const error = asAshoreError(thrown);
        faults.push(error);
        this.#problem(error, next.version);
        const digest = digestOfHex(next.manifest.sha256);
        if (isVerdict(error)) await this.#fail(digest);
        else if (error.code === "BACKEND_UNAVAILABLE") this.#unable.add(digest);
      }
    }
    if (faults[0] !== undefined) throw faults[0];
  }

  /** The versions being waited for, whose blobs are not to be evicted. */
  missing(): readonly TargetInfo[] {
    return this.#desired().missing.map(({ manifest }) => manifest);
  }

  /** Takes out of the journal what need not be kept (with `spare`, one version for a revert is). Whether there was anything. */
  async forget({ spare, ...options }: { readonly spare: boolean } & WithSignal): Promise<boolean> {
    const { kept, loaded, aspired } = this.#desired();
    const keep = new Set((spare ? kept : [...loaded, ...aspired]).map(({ manifest }) => manifest.sha256));
    const gone = this.#record.held.filter(({ manifest }) => !keep.has(manifest.sha256));
    if (gone.length === 0) return false;
    await this.#ports.journal.update((journal) => gone.reduce((left, { version }) => forgetVersion(left, this.name, version), journal), options);
    return true;
  }

  /** Another root was pinned: what the old one said counts no more. What is held goes on until the new one names versions. */
  distrust(): void {
    this.#config = undefined;
    this.#metadataVersion = 0;
    this.#floor = 0;
    this.#published = new Map();
  }

  /** A version ended badly: the next lower one takes its place, and what can be healed is. */
  async failed({ version, digest }: Wanted, error: AshoreError): Promise<void> {
    if (isVerdict(error)) await this.#fail(digest);
    else if (error.code === "BACKEND_UNAVAILABLE") this.#unable.add(digest);
    else if (error.code === "DIGEST_MISMATCH") {
      await this.#ports.journal.update((journal) => forgetVersion(journal, this.name, version));
      if (!this.#healing.has(version)) this.#ports.syncSoon();
      this.#healing.add(version);
    } else {
      this.#unfit.add(digest);
      void this.#ports.clock.sleep(LIMITS.retryCapMs, { signal: this.#ports.closing }).then(() => this.retry(), () => undefined);
    }
    this.apply();
  }

  /** A version is AVAILABLE. */
  available(version: Version): void {
    this.#healing.delete(version);
  }

  /** Durable before a version first answers, so that no restart goes below it. */
  async serving(version: Version): Promise<void> {
    const { served } = this.#record;
    if (served?.version === version && served.metadataVersion === this.#metadataVersion) return;
    await this.#ports.journal.update((journal) => markServed(journal, this.name, version, this.#metadataVersion));
  }

  get #record(): JournalModel {
    return journalOf(this.#ports.journal.current(), this.name);
  }

  #desired(): DesiredVersions {
    return desiredVersions({
      config: this.#config,
      metadataVersion: this.#metadataVersion,
      floor: this.#floor,
      bucket: this.#bucket,
      published: this.#published,
      record: this.#record,
      unable: this.#unable,
      unfit: this.#unfit,
    });
  }

  async #configure(config: ServingConfig, metadataVersion: number): Promise<void> {
    const salt = rolloutSalt(config);
    this.#bucket = salt === undefined ? 0 : await bucketOf(salt, this.#ports.journal.current().installSecret);
    this.#config = config;
    this.#metadataVersion = metadataVersion;
  }

  async #take(target: TrustedTarget, options: WithSignal): Promise<void> {
    const { config } = this.#record;
    if (this.#config === undefined || config?.target.sha256 !== target.sha256 || config.metadataVersion !== target.roleVersion) {
      const read = await this.#readConfig(target, options);
      await this.#ports.journal.update((journal) => setConfig(journal, this.name, { sha256: target.sha256, length: target.length }, target.roleVersion), options);
      await this.#configure(read, target.roleVersion);
    }
    await this.#readPublished(options);
  }

  async #fetch({ version, manifest }: AspiredVersion, options: WithSignal): Promise<void> {
    const onProgress = ({ bytes, totalBytes }: Progress): void => this.#ports.report({ type: "progress", model: this.name, version, phase: "download", bytes, totalBytes });
    await this.#ports.fetcher.fetch({ model: this.name, version, manifest }, { ...options, onProgress });
  }

  async #readConfig(target: TrustedTarget, options: WithSignal): Promise<ServingConfig> {
    const digest = digestOfHex(target.sha256);
    const stored = await this.#ports.blobs.get(digest, options);
    const bytes = stored ?? (await retrying(() => this.#ports.trust.fetchTarget(target, options), this.#ports, options));
    const config = parseServingConfig(bytes, target.path);
    if (config.model !== this.name) throw new AshoreError("METADATA_MISMATCH", `${target.path} is the serving config of ${config.model}; the server signed it under the wrong path.`);
    if (stored === undefined) await this.#ports.blobs.put(digest, bytes, options);
    return config;
  }

  async #readPublished(options: WithSignal): Promise<void> {
    const published = new Map<number, TargetInfo>();
    let floor = 0;
    for (const target of await this.#ports.trust.list(`models/${this.name}/`, options)) {
      const version = Number(target.path.split("/")[2]);
      if (target.path !== manifestPath(this.name, version as Version)) continue;
      published.set(version, target);
      const minVersion = target.custom["minVersion"];
      if (typeof minVersion === "number") floor = Math.max(floor, minVersion);
    }
    this.#published = published;
    this.#floor = floor;
  }

  /** Newer metadata that still names the version that answers gives it anew: only what is newer than that may lower it. */
  #confirmServed({ aspired }: DesiredVersions): void {
    const { served } = this.#record;
    if (served === null || served.metadataVersion >= this.#metadataVersion || !aspired.some(({ version }) => version === served.version)) return;
    if (this.#ports.manager.latest(this.name) !== served.version) return;
    void this.serving(served.version).catch((thrown: unknown) => this.#problem(asAshoreError(thrown)));
  }

  async #fail(digest: Digest): Promise<void> {
    await this.#ports.journal.update((journal) => markFailed(journal, this.name, digest));
  }

  #vanished(): void {
    if (this.#isVanished) return;
    this.#isVanished = true;
    this.#problem(new AshoreError("TARGET_NOT_FOUND", `The server does not list the model ${this.name} (any more): nothing new of it is taken, and what this device holds goes on. Check the server's configuration, or the models named here.`));
  }

  #problem(error: AshoreError, version?: Version): void {
    this.#ports.report({ type: "problem", model: this.name, ...(version === undefined ? {} : { version }), error });
  }
}
