import { AshoreError } from "../protocol/errors.ts";
import { manifestPath } from "../protocol/serving-config.ts";
import { builtFiles } from "./built-files.ts";
import type { DemoSource } from "./config/index.ts";
import { changeServing, revertTo, type PublishOptions, type PublishRequest, type ServingPorts } from "./publish/index.ts";
import type { Demo } from "./routes/demo-routes.ts";

export interface DemoPorts extends ServingPorts {
  readonly publish: (request: PublishRequest, options: PublishOptions) => Promise<unknown>;
  /** Something was signed. */
  readonly onSigned: () => void;
}

/** The demo of a configuration. Its next version is published when the page first asks for it; back is a revert, and forth again too. */
export function createDemo({ site, model, next }: DemoSource, { publish, onSigned, ...ports }: DemoPorts): Demo {
  return {
    site: builtFiles(site),
    model,
    async moveTo(version, { signal } = {}) {
      if (version === next.version) await publish({ model, version, source: next.folder }, { signal });
      await changeServing(
        ports,
        model,
        ({ record, state }) => {
          const target = [...state.roles.values()].map(({ targets }) => targets.get(manifestPath(model, version))).find((found) => found !== undefined);
          if (record === undefined || target === undefined) throw new AshoreError("NOT_FOUND", `Version ${version} of ${model} is not published; /manifests/${model} says what is.`);
          return { record: revertTo(record, version, { sha256: target.sha256, length: target.length }) };
        },
        { signal },
      );
      onSigned();
    },
  };
}
