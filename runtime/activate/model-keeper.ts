import type { AspiredVersion } from "../../protocol/aspired.ts";
import { digestOfHex, type Digest } from "../../protocol/digest.ts";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { ModelName, Version } from "../../protocol/names.ts";
import { bucketOf, rolloutSalt } from "../../protocol/rollout.ts";
import { parseServingConfig, servingConfigPath, type ServingConfig, type TargetInfo } from "../../protocol/serving-config.ts";
import type { BlobStore, JournalModel, Ports, WithSignal } from "../ports.ts";
import { forgetVersion, journalOf, markFailed, markServed, setConfig, type JournalKeeper } from "../store/index.ts";
import { retrying, type Progress, type VersionFetcher } from "../sync/index.ts";
import type { Trust, TrustedTarget } from "../trust/index.ts";
import { disagreements } from "./disagreements.ts";
import { desiredVersions, type DesiredVersions } from "./desired.ts";
import type { Manager } from "./manager.ts";
import { NOTHING_PUBLISHED, readPublished } from "./published.ts";
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

interface ConfigInForce {
  readonly config: ServingConfig;
  /** Of the metadata that signed it. */
  readonly metadataVersion: number;
  readonly bucket: number;
}

/** What a device knows of one model, and what it makes of it: which versions to fetch, to load, and to keep. */
export class ModelKeeper {
  readonly name: ModelName;
  readonly #ports: ModelKeeperPorts;
  #config: ConfigInForce | undefined;
  #published = NOTHING_PUBLISHED;
  /** Digests that this host cannot run, as long as it lives. */
  readonly #unable = new Set<Digest>();
  /** Digests that failed for a reason that may pass; tried again soon, and with the next look for news. */
  readonly #unfit = new Set<Digest>();
  /** Damaged versions whose healing was asked for, each once until it is AVAILABLE again. */
  readonly #healing = new Set<Version>();
  readonly #removed = new AbortController();
  #isVanished = false;
  /** Disagreements of server and publisher that were told, as long as they last. */
  #told: ReadonlySet<string> = new Set();

  constructor(name: ModelName, ports: ModelKeeperPorts) {
    this.name = name;
    this.#ports = ports;
  }

  /** Aborted by {@link remove}. */
  get removed(): AbortSignal {
    return this.#removed.signal;
  }

  /** The model is not this device's any more: ends what is under way for it, and writes nothing of it from now on. */
  remove(): void {
    this.#removed.abort(new AshoreError("CANCELLED", `The model ${this.name} was removed from this device.`));
  }

  get pollSeconds(): number | undefined {
    return this.#config?.config.pollSeconds;
  }

  /**
   * Takes up what is stored, without network. `trust`: whether stored metadata was taken up, which may be under way still. What
   * the server says meanwhile counts more.
   */
  async recall(trust: Promise<boolean>, given: WithSignal): Promise<void> {
    const options = this.#until(given);
    const { config } = this.#record;
    const bytes = config === null ? undefined : await this.#ports.blobs.get(digestOfHex(config.target.sha256), options);
    if (config !== null && bytes !== undefined) {
      const inForce = await this.#inForce(parseServingConfig(bytes, servingConfigPath(this.name)), config.metadataVersion);
      this.#config ??= inForce;
    }
    // What is held was published and agreed upon when it was taken; without metadata to ask, that has to do.
    const recalled = { targets: new Map(this.#record.held.map(({ version, manifest }) => [version, manifest])), floor: 0 };
    if (this.#published === NOTHING_PUBLISHED) this.#published = recalled;
    if (!(await trust)) return;
    try {
      const published = await readPublished(this.#ports.trust, this.name, options);
      if (this.#published === recalled) this.#published = published;
    } catch (thrown) {
      this.#problem(asAshoreError(thrown));
    }
  }

  /** Takes in what trusted metadata says now; what fails is told too. @throws what fetching and storing the serving config throw */
  async refresh(target: TrustedTarget | undefined, given: WithSignal): Promise<void> {
    const options = this.#until(given);
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
  apply(): void {
    if (this.removed.aborted) return;
    const desired = this.#desired();
    this.#ports.manager.setAspired(this.name, {
      aspired: desired.loaded.map(({ version, manifest }) => ({ version, digest: digestOfHex(manifest.sha256) })),
      blocked: desired.blocked,
      labels: desired.labels,
      latestFloor: desired.latestFloor,
      nothing: desired.nothing,
    });
    this.#confirmServed(desired);
  }

  /** Fetches what is missing, the newest first, each loaded as soon as it is whole. One that cannot be had does not stop the others. */
  async fetchMissing(given: WithSignal): Promise<void> {
    const options = this.#until(given);
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
  async forget({ spare, ...given }: { readonly spare: boolean } & WithSignal): Promise<boolean> {
    const options = this.#until(given);
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
    this.#published = NOTHING_PUBLISHED;
  }

  /** A version ended badly: the next lower one takes its place, and what can be healed is. */
  async failed({ version, digest }: Wanted, error: AshoreError): Promise<void> {
    if (this.removed.aborted) return;
    if (isVerdict(error)) await this.#fail(digest);
    else if (error.code === "BACKEND_UNAVAILABLE") this.#unable.add(digest);
    else if (error.code === "DIGEST_MISMATCH") {
      await this.#ports.journal.update((journal) => forgetVersion(journal, this.name, version), this.#until());
      if (!this.#healing.has(version)) this.#ports.syncSoon();
      this.#healing.add(version);
    } else {
      this.#unfit.add(digest);
      const { signal } = this.#until({ signal: this.#ports.closing });
      void this.#ports.clock.sleep(LIMITS.retryCapMs, { signal }).then(() => this.retry(), () => undefined);
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
    if (this.removed.aborted || (served?.version === version && served.metadataVersion === this.#metadataVersion)) return;
    await this.#ports.journal.update((journal) => markServed(journal, this.name, version, this.#metadataVersion), this.#until());
  }

  /** Of the serving config in force; 0 for none. */
  get #metadataVersion(): number {
    return this.#config?.metadataVersion ?? 0;
  }

  #until({ signal }: WithSignal = {}): { readonly signal: AbortSignal } {
    return { signal: signal === undefined ? this.removed : AbortSignal.any([signal, this.removed]) };
  }

  get #record(): JournalModel {
    return journalOf(this.#ports.journal.current(), this.name);
  }

  #desired(): DesiredVersions {
    return desiredVersions({
      config: this.#config?.config,
      metadataVersion: this.#metadataVersion,
      floor: this.#published.floor,
      bucket: this.#config?.bucket ?? 0,
      published: this.#published.targets,
      record: this.#record,
      unable: this.#unable,
      unfit: this.#unfit,
    });
  }

  async #inForce(config: ServingConfig, metadataVersion: number): Promise<ConfigInForce> {
    const salt = rolloutSalt(config);
    return { config, metadataVersion, bucket: salt === undefined ? 0 : await bucketOf(salt, this.#ports.journal.current().installSecret) };
  }

  async #take(target: TrustedTarget, options: WithSignal): Promise<void> {
    const { config } = this.#record;
    if (this.#config === undefined || config?.target.sha256 !== target.sha256 || config.metadataVersion !== target.roleVersion) {
      const read = await this.#readConfig(target, options);
      await this.#ports.journal.update((journal) => setConfig(journal, this.name, { sha256: target.sha256, length: target.length }, target.roleVersion), options);
      this.#config = await this.#inForce(read, target.roleVersion);
    }
    this.#published = await readPublished(this.#ports.trust, this.name, options);
    this.#tellDisagreements();
  }

  #tellDisagreements(): void {
    const found = this.#config === undefined ? [] : disagreements(this.#config.config, this.#published.targets);
    for (const { version, error } of found) if (!this.#told.has(`${error.code} ${version}`)) this.#problem(error, version);
    this.#told = new Set(found.map(({ version, error }) => `${error.code} ${version}`));
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

  /** Newer metadata that still names the version that answers gives it anew: only what is newer than that may lower it. */
  #confirmServed({ aspired }: DesiredVersions): void {
    const { served } = this.#record;
    if (served === null || served.metadataVersion >= this.#metadataVersion || !aspired.some(({ version }) => version === served.version)) return;
    if (this.#ports.manager.latest(this.name) !== served.version) return;
    void this.serving(served.version).catch((thrown: unknown) => this.#problem(asAshoreError(thrown)));
  }

  async #fail(digest: Digest): Promise<void> {
    await this.#ports.journal.update((journal) => markFailed(journal, this.name, digest), this.#until());
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
