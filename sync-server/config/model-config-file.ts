import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { isLabel } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";
import { basePathSchema, modelNameSchema, versionSchema } from "./schemas.ts";
import type { ModelSettings } from "./settings.ts";
import { textProtoReader } from "./text-proto.ts";

/** What there is of it here; names that are reserved may stand, with any value. */
const readModelServerConfig = textProtoReader(
  `
  syntax = "proto3";
  message ModelServerConfig {
    oneof config { ModelConfigList model_config_list = 1; Any custom_model_config = 2; }
  }
  message ModelConfigList { repeated ModelConfig config = 1; }
  message ModelConfig {
    string name = 1;
    string base_path = 2;
    reserved "model_type";
    string model_platform = 4;
    ServableVersionPolicy model_version_policy = 7;
    map<string, int64> version_labels = 8;
    LoggingConfig logging_config = 6;
  }
  message ServableVersionPolicy { oneof policy_choice { Latest latest = 100; All all = 101; Specific specific = 102; } }
  message Latest { uint32 num_versions = 1; }
  message All {}
  message Specific { repeated int64 versions = 1; }
  message LoggingConfig { reserved "log_collector_config", "sampling_config", "log_configs"; }
  message Any { reserved "type_url", "value"; }
  `,
  "ModelServerConfig",
);

const policySchema = v.object({
  latest: v.optional(v.object({ num_versions: v.optional(v.number()) })),
  all: v.optional(v.object({})),
  specific: v.optional(v.object({ versions: v.optional(v.array(versionSchema), []) })),
});

const modelSchema = v.object(
  {
    name: modelNameSchema,
    base_path: v.pipe(basePathSchema, v.check((path) => path.startsWith("/"), "must be an absolute path")),
    model_platform: v.optional(v.literal("tensorflow", 'must be "tensorflow"')),
    model_version_policy: v.optional(policySchema),
    version_labels: v.optional(v.record(v.custom<string>(isLabel, "must be a label"), versionSchema), {}),
    logging_config: v.optional(v.unknown()),
  },
  "is missing",
);

const fileSchema = v.object({
  model_config_list: v.optional(v.object({ config: v.optional(v.array(modelSchema), []) })),
  custom_model_config: v.optional(v.never("is not read here: list the models in `model_config_list`")),
});

export interface ModelConfigFile {
  readonly models: readonly ModelSettings[];
  /** One line each about what was passed over. */
  readonly notes: readonly string[];
}

/**
 * The models of a `--model_config_file`: TensorFlow Serving's `ModelServerConfig` as text proto
 * (tensorflow_serving/config/model_server_config.proto). A file without a model is whole: it serves none.
 * @throws CONFIG_INVALID with the line of what is no text proto, or else with every fault
 */
export function parseModelConfigFile(text: string, file: string): ModelConfigFile {
  const result = v.safeParse(fileSchema, readModelServerConfig(text, file));
  if (!result.success) {
    const faults = result.issues.slice(0, 8).map((issue) => `${v.getDotPath(issue) ?? "the file"} ${issue.message}`);
    throw new AshoreError("CONFIG_INVALID", `${file}: ${faults.join("; ")}.`);
  }
  const configs = result.output.model_config_list?.config ?? [];
  const logging = configs.filter(({ logging_config }) => logging_config !== undefined).map(({ name }) => name);
  return {
    models: configs.map(modelOf),
    notes: logging.length === 0 ? [] : [`${file}: logging_config of ${logging.join(", ")} has no effect: requests are not logged.`],
  };
}

function modelOf({ name, base_path, model_version_policy, version_labels }: v.InferOutput<typeof modelSchema>): ModelSettings {
  return { name, basePath: base_path, policy: policyOf(model_version_policy), labels: version_labels };
}

function policyOf(policy: v.InferOutput<typeof policySchema> | undefined): VersionPolicy | undefined {
  if (policy?.all !== undefined) return { all: true };
  if (policy?.specific !== undefined) return { specific: policy.specific.versions };
  // 0 counts as 1, as TensorFlow Serving has it.
  if (policy?.latest !== undefined) return { latest: Math.max(1, policy.latest.num_versions ?? 1) };
  return undefined;
}
