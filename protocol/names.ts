import { AshoreError } from "./errors.ts";

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** The name of a model: `[A-Za-z0-9][A-Za-z0-9._-]{0,127}` (DESIGN section 1). */
export type ModelName = Brand<string, "ModelName">;
/** A version of a model: an integer from 1 to 2^53-1; higher is newer. */
export type Version = Brand<number, "Version">;
/** A label that points at a version: one or more characters other than `/` and `:`. */
export type Label = Brand<string, "Label">;

const MODEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;
const LABEL = /^[^/:]{1,128}$/;

export function isModelName(text: unknown): text is ModelName {
  return typeof text === "string" && MODEL_NAME.test(text);
}

export function isVersion(value: unknown): value is Version {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

export function isLabel(text: unknown): text is Label {
  return typeof text === "string" && LABEL.test(text);
}

/** @throws NAME_INVALID */
export function modelName(text: string): ModelName {
  if (isModelName(text)) return text;
  throw new AshoreError(
    "NAME_INVALID",
    `${JSON.stringify(text.slice(0, 160))} is not a model name: use 1 to 128 letters, digits, ".", "_" or "-", the first a letter or a digit.`,
  );
}

/** @throws VERSION_INVALID */
export function version(value: number): Version {
  if (isVersion(value)) return value;
  throw new AshoreError("VERSION_INVALID", `${value} is not a version: use an integer from 1 to 9007199254740991.`);
}

/**
 * A folder's name as a version, TensorFlow Serving's way: decimal digits, leading zeros fine (`00000123` is 123); anything
 * else, zero included, is no version and is passed over.
 */
export function versionOfFolder(name: string): Version | undefined {
  if (!/^[0-9]{1,64}$/.test(name)) return undefined;
  const number = Number(name);
  return isVersion(number) ? number : undefined;
}

/** @throws NAME_INVALID */
export function label(text: string): Label {
  if (isLabel(text)) return text;
  throw new AshoreError("NAME_INVALID", `${JSON.stringify(text.slice(0, 160))} is not a label: use 1 to 128 characters other than "/" and ":".`);
}
