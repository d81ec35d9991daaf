import { expect, test } from "vitest";
import { checkBatchingParameters } from "../../protocol/batching.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { isLabel, isModelName, isVersion } from "../../protocol/names.ts";
import { parseBatchingFile } from "../../sync-server/config/batching-file.ts";
import { parseModelConfigFile } from "../../sync-server/config/model-config-file.ts";
import { parseMonitoringFile } from "../../sync-server/config/monitoring-file.ts";
import { parseYamlSettings } from "../../sync-server/config/yaml-settings.ts";
import { mutateBytes } from "./mutate.ts";
import { rounds, type Random } from "./random.ts";

/** Files of settings that were changed at random: a refusal that says where, or settings that are all that they promise. */

function mutated(text: string, random: Random): string {
  return new TextDecoder().decode(mutateBytes(new TextEncoder().encode(text), random));
}

/** What was read, or undefined where it was refused as it should be. */
function read<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof AshoreError) || error.code !== "CONFIG_INVALID") throw error;
    expect(error.message).toMatch(/^f(:[1-9]\d*)?( is not YAML)?: ./);
    return undefined;
  }
}

test("a model config file", async () => {
  let taken = 0;
  const text = `# models
model_config_list {
  config {
    name: "digits" base_path: "/models/digits" model_platform: "tensorflow"
    model_version_policy { specific { versions: 1, versions: 0x2 } }
    version_labels { key: 'stable' value: 1 } version_labels: { key: "can\\141ry"; value: 2 }
  }
  config: <name: "b" base_path: "/b" model_version_policy { latest { num_versions: 2 } } logging_config { sampling_config { sampling_rate: 0.1 } }>
}
`;
  await rounds(3000, 71, (random) => {
    const file = read(() => parseModelConfigFile(mutated(text, random), "f"));
    if (file === undefined) return;
    taken++;
    for (const { name, basePath, policy = { latest: 1 }, labels = {} } of file.models) {
      expect([isModelName(name), basePath?.startsWith("/")]).toEqual([true, true]);
      expect(Object.entries(labels).every(([label, version]) => isLabel(label) && isVersion(version))).toBe(true);
      if ("latest" in policy) expect(policy.latest).toBeGreaterThanOrEqual(1);
      if ("specific" in policy) expect(policy.specific.every(isVersion)).toBe(true);
    }
  });
  expect(taken).toBeGreaterThan(100);
});

test("batching parameters", async () => {
  let taken = 0;
  const text = "max_batch_size { value: 128 }\nbatch_timeout_micros { value: 1000 }\nmax_enqueued_batches { value: 100 }\nallowed_batch_sizes: [32, 64, 128]\npad_variable_length_inputs: true\nenable_large_batch_splitting { value: true }\nmax_execution_batch_size { value: 64 }\n";
  await rounds(3000, 72, (random) => {
    const file = read(() => parseBatchingFile(mutated(text, random), "f"));
    if (file === undefined) return;
    taken++;
    checkBatchingParameters(file.batching);
  });
  expect(taken).toBeGreaterThan(100);
});

test("a monitoring config file", async () => {
  await rounds(2000, 73, (random) => {
    const monitoring = read(() => parseMonitoringFile(mutated('prometheus_config { enable: true path: "/metrics" }', random), "f"));
    if (typeof monitoring === "object" && monitoring.path !== undefined) expect(monitoring.path).toMatch(/^\/[^?#\s]*$/);
  });
});

test("a YAML file", async () => {
  const text = "models:\n  - { model: a, base_path: a, version_policy: { latest: 2 }, version_labels: { stable: 1 } }\n  - { model: b, base_path: b }\nport: 8600\ndata: state\nrest_api_timeout_in_ms: 100\nenable_batching: true\nsaved_model_tags: [serve, gpu]\n";
  await rounds(800, 74, (random) => {
    const settings = read(() => parseYamlSettings(mutated(text, random), "f"));
    for (const { name, labels = {} } of settings?.models ?? []) {
      if (name !== undefined) expect(isModelName(name)).toBe(true);
      expect(Object.entries(labels).every(([label, version]) => isLabel(label) && isVersion(version))).toBe(true);
    }
  });
});
