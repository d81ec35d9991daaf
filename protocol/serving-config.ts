import * as v from "valibot";
import { digestSchema, sizeSchema } from "./descriptor.ts";
import { AshoreError } from "./errors.ts";
import { LIMITS } from "./limits.ts";
import { schemaError } from "./manifest.ts";
import { isLabel, isModelName, isVersion, type ModelName, type Version } from "./names.ts";
import { parseStrictJson } from "./strict-json.ts";

const versionSchema = v.custom<Version>(isVersion, "must be a version");

const policySchema = v.union([
  v.object({ latest: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
  v.object({ all: v.literal(true) }),
  v.object({ specific: v.array(versionSchema) }),
]);
/** Which versions a device should hold (TensorFlow Serving, `FileSystemStoragePathSourceConfig.ServableVersionPolicy`). */
export type VersionPolicy = v.InferOutput<typeof policySchema>;

/** A signed target's digest (hexadecimal, as TUF writes it) and length in bytes. */
export const targetInfoSchema = v.object({ sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)), length: sizeSchema });
export type TargetInfo = v.InferOutput<typeof targetInfoSchema>;

const servingConfigSchema = v.object({
  schemaVersion: v.literal(1),
  model: v.custom<ModelName>(isModelName, "must be a model name"),
  versions: v.array(v.object({ version: versionSchema, manifest: targetInfoSchema })),
  policy: policySchema,
  labels: v.record(v.custom<string>(isLabel, "must be a label"), versionSchema),
  rollout: v.optional(
    v.object({
      version: versionSchema,
      salt: v.pipe(v.string(), v.maxLength(256)),
      buckets: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(10_000)),
    }),
  ),
  blocked: v.array(digestSchema),
  halt: v.boolean(),
  pollSeconds: v.pipe(v.number(), v.minValue(1), v.maxValue(7 * 86_400)),
});
/** The signed statement of what devices should serve of one model (DESIGN section 4.3). */
export type ServingConfig = v.InferOutput<typeof servingConfigSchema>;

/**
 * A serving config of verified bytes.
 * @throws JSON_INVALID, SCHEMA_INVALID, LIMIT_EXCEEDED
 */
export function parseServingConfig(bytes: Uint8Array, what = "the serving config"): ServingConfig {
  if (bytes.byteLength > LIMITS.servingConfigBytes) {
    throw new AshoreError("LIMIT_EXCEEDED", `${what} has ${bytes.byteLength} bytes; at most ${LIMITS.servingConfigBytes} are read.`);
  }
  const result = v.safeParse(servingConfigSchema, parseStrictJson(bytes, what));
  if (!result.success) throw schemaError(what, result.issues);
  const seen = new Set<number>();
  for (const { version } of result.output.versions) {
    if (seen.has(version)) throw new AshoreError("SCHEMA_INVALID", `${what} names version ${version} twice.`);
    seen.add(version);
  }
  return result.output;
}

export function printServingConfig(config: ServingConfig): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${JSON.stringify(config)}\n`);
}

/** The TUF target path of a version's manifest. */
export function manifestPath(model: ModelName, version: Version): string {
  return `models/${model}/${version}/manifest.json`;
}

/** The TUF target path of a model's serving config; the targets of the role `serving` are the list of models. */
export function servingConfigPath(model: ModelName): string {
  return `serving/${model}.json`;
}
