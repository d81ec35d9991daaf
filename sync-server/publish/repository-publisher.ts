import type { Version } from "../../protocol/names.ts";
import type { RepositoryPublisher } from "../repository/index.ts";
import { changeServing, type ServingPorts } from "./change-serving.ts";
import { keepPresent, servingConfigFor, type ServingSettings } from "./policy.ts";
import type { PublishOptions, PublishRequest, PublishResult } from "./publish-version.ts";

export interface RepositoryPublisherPorts extends ServingPorts {
  /** {@link import("./publish-version.ts").publishVersion}, wherever it runs: in a server on a thread of its own. */
  readonly publish: (request: PublishRequest, options: PublishOptions) => Promise<PublishResult>;
}

export interface RepositoryPublisherOptions {
  /** Settings for all models; a model's own policy and labels stand before them. */
  readonly settings?: ServingSettings | undefined;
  readonly onProgress?: PublishOptions["onProgress"];
  /** Publish models that answer NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

/** Publishes what a repository watcher finds, under the keys of this server. */
export function createRepositoryPublisher(ports: RepositoryPublisherPorts, { settings, onProgress, allowNonFinite }: RepositoryPublisherOptions = {}): RepositoryPublisher {
  const settingsOf = (own: ServingSettings): ServingSettings => ({
    policy: own.policy ?? settings?.policy,
    labels: own.labels ?? settings?.labels,
    pollSeconds: settings?.pollSeconds,
  });
  return {
    publish: ({ name, policy, labels }, version, source, { signal } = {}) =>
      ports.publish({ source, model: name, version, settings: settingsOf({ policy, labels }), fromRepository: true, allowNonFinite }, { signal, onProgress }),
    async reconcile({ name, policy, labels }, present, { signal } = {}) {
      let before: readonly Version[] = [];
      const { record } = await changeServing(
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
      return { withdrawn: before.filter((version) => !after.has(version)) };
    },
  };
}
