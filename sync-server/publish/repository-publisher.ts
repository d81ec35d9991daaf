import type { Version } from "../../protocol/names.ts";
import type { RepositoryPublisher } from "../repository/index.ts";
import { changeServing } from "./change-serving.ts";
import { keepPresent, servingConfigFor, type ServingSettings } from "./policy.ts";
import { publishVersion, type PublishOptions, type PublishPorts } from "./publish-version.ts";

export interface RepositoryPublisherOptions {
  /** Settings for all models, where a model has none of its own. */
  readonly settings?: ServingSettings | undefined;
  readonly onProgress?: PublishOptions["onProgress"];
  /** Publish models that answer NaN to finite inputs. Default false. */
  readonly allowNonFinite?: boolean | undefined;
}

/** Publishes what a repository watcher finds, under the keys of this server. */
export function createRepositoryPublisher(ports: PublishPorts, { settings, onProgress, allowNonFinite }: RepositoryPublisherOptions = {}): RepositoryPublisher {
  return {
    publish: ({ name, policy, labels }, version, source, { signal } = {}) =>
      publishVersion({ source, model: name, version, settings: { ...settings, policy, labels }, fromRepository: true, allowNonFinite }, ports, { signal, onProgress }),
    async reconcile({ name, policy, labels }, present, { signal } = {}) {
      let before: readonly Version[] = [];
      const { record } = await changeServing(
        ports,
        name,
        (view) => {
          if (view.record === undefined) return undefined;
          before = view.record.config.versions.map(({ version }) => version);
          return { record: keepPresent(servingConfigFor(name, view.record, { ...settings, policy, labels }), present) };
        },
        { signal },
      );
      const after = new Set(record?.config.versions.map(({ version }) => version));
      return { withdrawn: before.filter((version) => !after.has(version)) };
    },
  };
}
