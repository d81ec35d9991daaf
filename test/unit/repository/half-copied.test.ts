import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { modelName, version } from "../../../protocol/names.ts";
import { createRepositoryPublisher, publishVersion } from "../../../sync-server/publish/index.ts";
import { createRepositoryWatcher } from "../../../sync-server/repository/index.ts";
import { systemClock } from "../../../sync-server/system-clock.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing } from "../../support/publishing.ts";
import { denseClassifier } from "../../support/saved-model-writer/models.ts";

test("a SavedModel that is copied so slowly that it stands still at every file, and in the middle of each, is published once it is whole", async () => {
  const publishing = await startPublishing();
  const model = { name: modelName("slow"), basePath: publishing.folder("slow"), policy: { latest: 1 } };
  const publisher = createRepositoryPublisher({ ...publishing.ports, publish: (request, options) => publishVersion(request, publishing.ports, options) });
  const watcher = createRepositoryWatcher({ models: [model], publisher, clock: systemClock, report: () => undefined });
  const settled = async (): Promise<unknown> => {
    for (let i = 0; i < 4; i++) await watcher.poll();
    return watcher.status().get(model.name)?.versions.find((one) => one.version === version(2))?.error?.code;
  };
  await writeLinearModel(join(model.basePath, "1"), 1, 1);
  await settled();
  expect(await publishing.served("slow")).toEqual([1]);

  const files = [...denseClassifier().files({ shards: 2 })].reverse();
  expect(files.map(([path]) => path)).toEqual(["saved_model.pb", "variables/variables.data-00001-of-00002", "variables/variables.data-00000-of-00002", "variables/variables.index"]);
  for (const [at, [path, bytes]] of files.entries()) {
    const file = join(model.basePath, "2", path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, bytes.subarray(0, bytes.byteLength / 2));
    expect(await settled(), `half of ${path}`).toBe("MODEL_INCOMPLETE");
    expect(await publishing.served("slow")).toEqual([1]);
    await writeFile(file, bytes);
    expect(await settled(), path).toBe(at < files.length - 1 ? "MODEL_INCOMPLETE" : undefined);
  }
  expect(await publishing.served("slow")).toEqual([1, 2]);
});
