import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { isLabel, type Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";
import { basePathSchema, modelNameSchema, versionSchema, type ModelSettings, type Settings } from "./settings.ts";
import { parseTextProto, type TextMessage } from "./text-proto.ts";

/** A field that may stand at most once. */
function single<Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema) {
  return v.pipe(v.array(schema), v.maxLength(1, "stands more than once"));
}

const unknownField = "is not a field of it that is known here";

const policySchema = v.strictObject(
  {
    latest: v.optional(single(v.strictObject({ num_versions: v.optional(single(v.pipe(v.number(), v.integer(), v.minValue(0)))) }, unknownField))),
    all: v.optional(single(v.strictObject({}, unknownField))),
    specific: v.optional(single(v.strictObject({ versions: v.optional(v.array(versionSchema), []) }, unknownField))),
  },
  unknownField,
);

const modelSchema = v.strictObject(
  {
    name: single(modelNameSchema),
    base_path: single(v.pipe(basePathSchema, v.check((path) => path.startsWith("/"), "must be an absolute path"))),
    model_platform: v.optional(single(v.literal("tensorflow", 'must be "tensorflow"'))),
    model_version_policy: v.optional(single(policySchema)),
    version_labels: v.optional(
      v.array(v.strictObject({ key: single(v.custom<string>(isLabel, "must be a label")), value: single(versionSchema) }, unknownField)),
      [],
    ),
    logging_config: v.optional(v.array(v.unknown())),
  },
  unknownField,
);

const fileSchema = v.strictObject(
  {
    model_config_list: v.pipe(
      v.array(v.strictObject({ config: v.optional(v.array(modelSchema), []) }, unknownField)),
      v.minLength(1, "names no model"),
      v.transform((lists) => lists.flatMap(({ config }) => config)),
    ),
  },
  "must hold a `model_config_list`",
);

/**
 * The models of a `--model_config_file`: TensorFlow Serving's `ModelServerConfig` as text proto
 * (tensorflow_serving/config/model_server_config.proto).
 * @throws CONFIG_INVALID with every fault
 */
export function parseModelConfigFile(text: string, file: string): Settings {
  const message: TextMessage = parseTextProto(text, file);
  const result = v.safeParse(fileSchema, message);
  if (!result.success) {
    const faults = result.issues.slice(0, 8).map((issue) => `${v.getDotPath(issue) ?? "the file"} ${issue.message}`);
    throw new AshoreError("CONFIG_INVALID", `${file}: ${faults.join("; ")}.`);
  }
  return { models: result.output.model_config_list.map(modelOf) };
}

function modelOf(config: v.InferOutput<typeof modelSchema>): ModelSettings {
  const labels: Record<string, Version> = {};
  for (const { key, value } of config.version_labels) {
    if (key[0] !== undefined && value[0] !== undefined) labels[key[0]] = value[0];
  }
  return { name: config.name[0], basePath: config.base_path[0], policy: policyOf(config.model_version_policy?.[0]), labels };
}

function policyOf(policy: v.InferOutput<typeof policySchema> | undefined): VersionPolicy | undefined {
  if (policy?.all !== undefined) return { all: true };
  if (policy?.specific !== undefined) return { specific: policy.specific[0]?.versions ?? [] };
  // 0 counts as 1, as TensorFlow Serving has it.
  if (policy?.latest !== undefined) return { latest: Math.max(1, policy.latest[0]?.num_versions?.[0] ?? 1) };
  return undefined;
}
