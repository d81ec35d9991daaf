import type { ModelName, Version } from "../../protocol/names.ts";
import type { RepositoryPublisher } from "../repository/index.ts";
import { changeServing, servedModels, type ServingPorts } from "./change-serving.ts";
import { keepPresent, retire, servingConfigFor, type ServingSettings } from "./policy.ts";
import type { PublishOptions, PublishRequest, PublishResult } from "./publish-version.ts";

export interface RepositoryPublisherPorts extends ServingPorts {
  /** {@link import("./publish-version.ts").publishVersion}, wherever it runs: in a server on a thread of its own. */
  readonly publish: (request: PublishRequest, options: PublishOptions) => Promise<PublishResult>;
}

export interface RepositoryPublisherOptions {
  /** Settings for all models; a model's own policy and labels stand before them. */
  readonly settings?: ServingSettings | undefined;
  /** Tags of the meta graph to take out of a SavedModel. Default ["serve"]. */
  readonly savedModelTags?: readonly string[] | undefined;
  readonly onProgress?: PublishOptions["onProgress"];
  /** Publish models that answer NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

/** Publishes what a repository watcher finds, under the keys of this server. */
export function createRepositoryPublisher(ports: RepositoryPublisherPorts, { settings, savedModelTags, onProgress, allowNonFinite }: RepositoryPublisherOptions = {}): RepositoryPublisher {
  const settingsOf = (own: ServingSettings): ServingSettings => ({
    policy: own.policy ?? settings?.policy,
    labels: own.labels ?? settings?.labels,
    pollSeconds: settings?.pollSeconds,
  });
  return {
    publish: ({ name, policy, labels }, version, source, { signal } = {}) =>
      ports.publish({ source, model: name, version, settings: settingsOf({ policy, labels }), fromRepository: true, savedModelTags, allowNonFinite }, { signal, onProgress }),
    async reconcile({ name, policy, labels }, present, { signal } = {}) {
      let before: readonly Version[] = [];
      const { changed, record } = await changeServing(
        ports,
        name,
        (view) => {
          if (view.record === undefined) return undefined;
          before = view.record.config.versions.map(({ version }) => version);
          return { record: keepPresent(servingConfigFor(name, view.record, settingsOf({ policy, labels })), present) };
        },
        { signal },
      );
      const after = new Set(record?.config.versions.map(({ version }) => version));
      return { changed, withdrawn: before.filter((version) => !after.has(version)) };
    },
    async retireOthers(watched, { signal } = {}) {
      const retired: ModelName[] = [];
      for (const name of await servedModels(ports, { signal })) {
        if (watched.has(name)) continue;
        const { changed } = await changeServing(ports, name, ({ record }) => (record === undefined || record.fromRepository.length === 0 ? undefined : { record: retire(record) }), { signal });
        if (changed) retired.push(name);
      }
      return retired;
    },
  };
}
