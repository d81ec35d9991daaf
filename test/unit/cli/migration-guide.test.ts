import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { edgeCommand } from "../../../cli/edge.ts";
import type { Io } from "../../../cli/io.ts";
import { serveCommand } from "../../../cli/serve.ts";
import { createMetrics } from "../../../edge/metrics/metrics.ts";
import { createBatchingMetrics } from "../../../edge/metrics/batching-metrics.ts";
import { createRequestMetrics } from "../../../edge/metrics/request-metrics.ts";
import { modelName, version } from "../../../protocol/names.ts";
import { parseBatchingFile } from "../../../sync-server/config/batching-file.ts";
import { FLAGS_WITHOUT_EFFECT } from "../../../sync-server/config/flags.ts";
import { parseModelConfigFile } from "../../../sync-server/config/model-config-file.ts";
import { parseYamlSettings } from "../../../sync-server/config/yaml-settings.ts";

const guide = await readFile(new URL("../../../docs/guides/migration.md", import.meta.url), "utf8");
const rows = [...guide.matchAll(/^\| `(--[a-z_-]+)` \| (.+) \|$/gm)].map(([, flag = "", text = ""]) => ({ flag, text }));

const io: Io = { cwd: "/", signal: new AbortController().signal, out: () => undefined, err: () => undefined };
const flagsOf = (command: Command): string[] => command.options.map(({ long }) => long ?? "");

describe("the guide from TensorFlow Serving", () => {
  test("has each flag of `ashore serve` once, and no other", () => {
    expect(rows.map(({ flag }) => flag).toSorted()).toEqual(flagsOf(serveCommand(io)).toSorted());
  });

  test("says of the same flags as the command that they have no effect", () => {
    const idle = rows.filter(({ text }) => text.startsWith("no effect")).map(({ flag }) => flag);
    // Of labels it tells more: what the flag asks for is always so.
    expect([...idle, "--allow_version_labels_for_unavailable_models"].toSorted()).toEqual(Object.keys(FLAGS_WITHOUT_EFFECT).map((name) => `--${name}`).toSorted());
  });

  test("marks the flags that `ashore edge` takes too, and names its own", () => {
    const marked = rows.filter(({ text }) => text.endsWith("\\*")).map(({ flag }) => flag);
    const own = flagsOf(edgeCommand(io)).filter((flag) => !rows.some((row) => row.flag === flag));
    expect([...marked, ...own].toSorted()).toEqual(flagsOf(edgeCommand(io)).toSorted());
    for (const flag of own) expect(guide).toContain(`\`${flag}\``);
  });

  test("has examples that are read as they stand", () => {
    const blocks = [...guide.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, text = ""]) => ({ language, text }));
    const yaml = blocks.filter(({ language }) => language === "yaml");
    expect(yaml.map(({ text }) => parseYamlSettings(text, "guide").models?.map(({ name }) => name))).toEqual([["my_model"], ["digits", "flowers"]]);
    const [models, batching] = blocks.filter(({ language }) => language === "");
    expect(parseModelConfigFile(models?.text ?? "", "guide").models).toMatchObject([{ name: "digits", labels: { stable: 1, canary: 2 } }]);
    expect(parseBatchingFile(batching?.text ?? "", "guide").batching).toMatchObject({ maxBatchSize: 32, allowedBatchSizes: [8, 32] });
  });

  test("names each metric of a request, a warm-up and a batch, with its labels", () => {
    const metrics = createMetrics();
    const requests = createRequestMetrics(metrics);
    requests.request({ model: "m", version: 1, signatureDef: "s", api: "classify", status: "OK", examples: 1, microseconds: 1 });
    requests.ran("m", "classify", 1);
    requests.warmedUp?.({ model: modelName("m"), version: version(1), status: "OK", records: 1, milliseconds: 1 });
    const batches = createBatchingMetrics(metrics);
    batches.entered(1);
    batches.waited(1);
    batches.ran(1, 0);
    for (const [, name = "", labels = ""] of metrics.series.text().matchAll(/^# TYPE (\S+) \w+\n[^{]+\{(.*)\}/gm)) {
      const row = guide.split("\n").find((line) => line.startsWith("|") && line.includes(`${name.slice(name.lastIndexOf(":") + 1)}\``));
      expect(row, name).toBeDefined();
      for (const [, label = ""] of labels.matchAll(/(\w+)="/g)) if (label !== "le") expect(row).toContain(`\`${label}\``);
    }
  });
});
