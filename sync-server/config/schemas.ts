import * as v from "valibot";
import { isLabel, isModelName, isVersion, type ModelName, type Version } from "../../protocol/names.ts";
import type { VersionPolicy } from "../../protocol/serving-config.ts";

export const modelNameSchema = v.custom<ModelName>(isModelName, 'must be 1 to 128 letters, digits, ".", "_" or "-", the first a letter or a digit');
export const versionSchema = v.custom<Version>(isVersion, "must be a version (an integer from 1 to 9007199254740991)");
export const pathSchema = v.pipe(v.string("must be a path"), v.minLength(1, "must be a path, and is empty"));
export const portSchema = v.pipe(
  v.number("must be a port number"),
  v.integer("must be a port number from 0 to 65535"),
  v.minValue(0, "must be a port number from 0 to 65535"),
  v.maxValue(65_535, "must be a port number from 0 to 65535"),
);
export const secondsSchema = v.pipe(v.number("must be a number of seconds"), v.finite("must be a number of seconds"));
export const millisecondsSchema = v.pipe(v.number("must be a number of milliseconds"), v.safeInteger("must be a whole number of milliseconds"));
export const countSchema = v.pipe(v.number("must be a number"), v.safeInteger("must be a whole number"), v.minValue(1, "must be at least 1"));
export const booleanSchema = v.boolean("must be true or false");

/** A folder on this machine; TensorFlow Serving's remote file systems are named in the refusal. */
export const basePathSchema = v.pipe(
  pathSchema,
  v.check(
    (path) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(path),
    "is an address of a remote storage, which is not read: copy or mount the model repository, and name its folder",
  ),
);

export const tagsSchema = v.pipe(
  v.union([v.pipe(v.string(), v.transform((text) => text.split(",").map((tag) => tag.trim()))), v.array(v.string())], "must be tags, separated by commas"),
  v.check((tags) => tags.length > 0 && tags.every((tag) => tag !== ""), "must be tags, separated by commas, none empty"),
);

export const labelsSchema = v.record(
  v.custom<string>(isLabel, 'must be 1 to 128 characters other than "/" and ":"'),
  versionSchema,
  "must be a map of label to version",
);

const POLICY_FORMS = "must be `latest: N`, `all: true` or `specific: [versions]`";

/** Our own short forms, and the nested ones of TensorFlow Serving's proto (`latest: {num_versions: 2}`). */
export const policySchema: v.GenericSchema<unknown, VersionPolicy> = v.union(
  [
    v.strictObject({ latest: countSchema }),
    v.strictObject({ specific: v.array(versionSchema) }),
    v.strictObject({ all: v.literal(true) }),
    v.pipe(v.literal("all"), v.transform((): VersionPolicy => ({ all: true }))),
    v.pipe(
      v.strictObject({ latest: v.strictObject({ num_versions: v.optional(countSchema, 1) }) }),
      v.transform(({ latest }): VersionPolicy => ({ latest: latest.num_versions })),
    ),
    v.pipe(
      v.strictObject({ specific: v.strictObject({ versions: v.array(versionSchema) }) }),
      v.transform(({ specific }): VersionPolicy => ({ specific: specific.versions })),
    ),
    v.pipe(v.strictObject({ all: v.strictObject({}) }), v.transform((): VersionPolicy => ({ all: true }))),
  ],
  POLICY_FORMS,
);
