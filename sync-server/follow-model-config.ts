import { repeatedly, type Background } from "./background.ts";
import { readModelConfigFile, type ModelConfigSource, type ModelSource } from "./config/index.ts";

/**
 * Reads TensorFlow Serving's file of models again and again (`--model_config_file_poll_wait_seconds`), and has a changed list
 * taken whole; until the signal is aborted. A file that cannot be read is told once, and what was taken before stays.
 * @param first what the file said when the server started
 */
export async function followModelConfig({ path, pollWaitSeconds }: ModelConfigSource, first: readonly ModelSource[], take: (models: readonly ModelSource[]) => Promise<void>, background: Background): Promise<void> {
  if (pollWaitSeconds <= 0) return;
  const { log, signal } = background;
  let taken = JSON.stringify(first);
  await repeatedly(background, "reading the model config file again", () => pollWaitSeconds * 1000, async () => {
    const { models, notes } = await readModelConfigFile(path, { signal });
    const text = JSON.stringify(models);
    if (text === taken) return;
    await take(models);
    log.info({ models: models.map(({ name }) => name) }, "took the model config file's new list");
    for (const note of notes) log.info({}, note);
    taken = text;
  });
}
