import { join } from "node:path";
import { AshoreError, asAshoreError, type ErrorCode } from "../../protocol/errors.ts";
import type { Version } from "../../protocol/names.ts";
import type { Clock, WithSignal } from "../ports.ts";
import type { Gate } from "./gate.ts";
import { lookAt, namesIn } from "./look.ts";
import { stoodStill, versionFolders, wantedVersions, type Fingerprint } from "./plan.ts";
import type { RepositoryEvent, RepositoryPublisher, RepositoryStatus, RepositoryVersionStatus, WatchedModel } from "./ports.ts";

export interface WatchPorts {
  readonly publisher: RepositoryPublisher;
  readonly clock: Clock;
  readonly report: (event: RepositoryEvent) => void;
  /** Bounds how many versions are imported at a time, over all models. */
  readonly gate: Gate;
}

/** One version's folder, as far as the watcher got with it. */
interface Watched {
  readonly seen: Fingerprint;
  readonly state: RepositoryVersionStatus["state"];
  /** The files that were published, or that failed. */
  readonly done?: string;
  readonly error?: AshoreError;
  /** When to try again although the files are the same, for a failure that was not theirs. */
  readonly retryAt?: number;
}

/** Failures of the files themselves: the same files fail again. */
const OF_THE_FILES: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "MODEL_INCOMPLETE", "MODEL_MALFORMED", "MODEL_UNSUPPORTED_OP", "SELF_TEST_FAILED", "VERSION_REBOUND", "UNIMPLEMENTED", "LIMIT_EXCEEDED", "NOT_FOUND",
]);
const RETRY_MS = 30_000;

export interface PollOptions extends WithSignal {
  /** Milliseconds between polls; 0 takes folders as they stand. */
  readonly pollMs: number;
}

/** Watches one model's repository; `poll` is called again and again and never throws but for an abort. */
export class ModelWatch {
  #model: WatchedModel;
  readonly #ports: WatchPorts;
  readonly #versions = new Map<Version, Watched>();
  #wanted: readonly Version[] = [];
  #problem: AshoreError | undefined;
  #looked = false;
  /** The listing of the last poll, and the one that was last reconciled. */
  #listing: string | undefined;
  #reconciled: string | undefined;
  /** What was told, by what it is about. */
  readonly #told = new Map<string, string>();

  constructor(model: WatchedModel, ports: WatchPorts) {
    this.#model = model;
    this.#ports = ports;
  }

  get model(): WatchedModel {
    return this.#model;
  }

  /** Other settings for the same repository, from the next look on. */
  configure({ policy, labels }: Pick<WatchedModel, "policy" | "labels">): void {
    this.#model = { ...this.#model, policy, labels };
  }

  get status(): RepositoryStatus {
    const versions = this.#wanted.map((version): RepositoryVersionStatus => {
      const { state, error } = this.#versions.get(version) ?? { state: "settling" };
      return { version, state, ...(error === undefined ? {} : { error }) };
    });
    return { settled: this.#looked && versions.every(isOver), versions, ...(this.#problem === undefined ? {} : { problem: this.#problem }) };
  }

  async poll(options: PollOptions): Promise<void> {
    try {
      await this.#poll(options);
      this.#problem = undefined;
      this.#told.delete("repository");
    } catch (thrown) {
      options.signal?.throwIfAborted();
      this.#problem = asAshoreError(thrown);
      this.#tell("repository", this.#problem);
    } finally {
      this.#looked = true;
    }
  }

  async #poll(options: PollOptions): Promise<void> {
    // One look sees one set of settings, whatever changes meanwhile.
    const model = this.#model;
    const { policy = { latest: 1 }, labels = {} } = model;
    const { folders, shadowed } = versionFolders(await namesIn(model.basePath));
    for (const { version, name, by } of shadowed) {
      this.#tell(`name ${name}`, new AshoreError("ALREADY_EXISTS", `${model.basePath} has two folders for version ${version}: ${by} is taken, ${name} is passed over.`), version);
    }
    for (const version of this.#versions.keys()) if (!folders.has(version)) this.#versions.delete(version);
    const failed = new Set([...this.#versions].filter(([, { state }]) => state === "failed").map(([version]) => version));
    this.#wanted = wantedVersions(folders.keys(), { policy, labels }, failed);
    for (const version of this.#wanted) {
      const name = folders.get(version);
      if (name !== undefined) await this.#visit(model, version, join(model.basePath, name), options);
    }
    if (folders.size === 0) {
      throw new AshoreError("NOT_FOUND", `The model repository ${model.basePath} holds no version: put the model's files into a folder with a number for a name, such as ${join(model.basePath, "1")}. What was published of it goes on being served.`);
    }
    for (const [label, version] of Object.entries(labels)) {
      if (folders.has(version)) this.#told.delete(`label ${label}`);
      else this.#tell(`label ${label}`, new AshoreError("NOT_FOUND", `The label ${label} of ${model.name} names version ${version}, of which ${model.basePath} has no folder: requests by it fail until there is one, or the version is published otherwise.`), version);
    }
    await this.#reconcile(model, new Set(folders.keys()), options);
  }

  async #visit(model: WatchedModel, version: Version, folder: string, { pollMs, signal }: PollOptions): Promise<void> {
    const seen = await lookAt(folder);
    const before = this.#versions.get(version);
    const now = this.#ports.clock.now();
    const same = before?.done === seen.text && !(before.retryAt !== undefined && before.retryAt <= now);
    if (same) return;
    if (pollMs > 0 && !stoodStill(before?.seen, seen, now, pollMs)) {
      this.#versions.set(version, { ...before, seen, state: before?.state ?? "settling" });
      return;
    }
    this.#versions.set(version, { seen, state: "publishing" });
    try {
      const { outcome, notes } = await this.#ports.gate(() => this.#ports.publisher.publish(model, version, folder, { signal }), signal);
      this.#versions.set(version, { seen, state: "published", done: seen.text });
      this.#told.delete(`version ${version}`);
      this.#ports.report({ type: "published", model: this.#model.name, version, outcome, notes });
    } catch (thrown) {
      signal?.throwIfAborted();
      const error = asAshoreError(thrown);
      const retry = OF_THE_FILES.has(error.code) ? {} : { retryAt: now + RETRY_MS };
      this.#versions.set(version, { seen, state: "failed", done: seen.text, error, ...retry });
      this.#tell(`version ${version}`, error, version);
    }
  }

  /**
   * After the listing was the same twice, so that a folder that is being replaced is not taken for one that was removed. New
   * settings count once what they ask for is published, so that devices are never told to hold what is not there yet.
   */
  async #reconcile(model: WatchedModel, present: ReadonlySet<Version>, { signal, pollMs }: PollOptions): Promise<void> {
    const listing = [...present].sort((a, b) => a - b).join();
    const states = [...this.#versions].map(([version, { state }]) => `${version} ${state}`).join();
    const steady = pollMs === 0 || this.#listing === listing;
    this.#listing = listing;
    const isSettled = this.status.versions.every(isOver);
    const seen = `${listing};${states};${JSON.stringify(isSettled ? [model.policy, model.labels] : null)}`;
    if (!steady || this.#reconciled === seen) return;
    const { changed, withdrawn } = await this.#ports.publisher.reconcile(isSettled ? model : { name: model.name, basePath: model.basePath }, present, { signal });
    this.#reconciled = seen;
    if (withdrawn.length > 0) this.#ports.report({ type: "withdrawn", model: model.name, versions: withdrawn });
    else if (changed) this.#ports.report({ type: "configured", model: model.name });
  }

  #tell(about: string, error: AshoreError, version?: Version): void {
    const text = `${error.code} ${error.message}`;
    if (this.#told.get(about) === text) return;
    this.#told.set(about, text);
    this.#ports.report({ type: "problem", model: this.#model.name, ...(version === undefined ? {} : { version }), error });
  }
}

function isOver({ state }: RepositoryVersionStatus): boolean {
  return state === "published" || state === "failed";
}
