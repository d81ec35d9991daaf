import type { ModelName } from "../protocol/names.ts";
import type { VersionStatus } from "../protocol/states.ts";
import type { RepositoryView } from "./inference.ts";
import type { RepositoryStatus } from "./repository/index.ts";

/** What a watcher knows, in the words of status answers: a version that could not be published has ended, with the reason. */
export function repositoryView(status: () => ReadonlyMap<ModelName, RepositoryStatus>): RepositoryView {
  return {
    failed: (model) =>
      (status().get(model)?.versions ?? []).flatMap(({ version, state, error }): VersionStatus[] =>
        state === "failed" ? [{ version, state: "END", ...(error === undefined ? {} : { error: { code: error.code, message: error.message } }) }] : [],
      ),
    problem: (model) => {
      const found = status().get(model);
      if (found === undefined || found.problem !== undefined) return found?.problem?.message;
      const busy = found.versions.find(({ state }) => state === "publishing" || state === "settling");
      if (busy === undefined) return undefined;
      return busy.state === "publishing" ? `version ${busy.version} is being published` : `version ${busy.version} is still being copied`;
    },
  };
}
