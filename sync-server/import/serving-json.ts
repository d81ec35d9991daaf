import { readdir } from "node:fs/promises";
import { basename, dirname } from "node:path";
import * as v from "valibot";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import { schemaError } from "../../protocol/manifest.ts";
import { CHANNEL_ORDERS, FITS, LAYOUTS, RESIZE_METHODS } from "../../protocol/preprocess.ts";
import { parseStrictJson } from "../../protocol/strict-json.ts";
import type { SourceFolder } from "./source-folder.ts";

/** What lies beside a model and says what devices do before and after it (docs/guides/preprocess.md). */
const SERVING_JSON = "serving.json";

const finite = v.pipe(v.number(), v.finite());
const color = v.pipe(finite, v.minValue(0, "must be from 0 to 255"), v.maxValue(255, "must be from 0 to 255"));
const side = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(LIMITS.imageElements));
const channelValues = v.union([finite, v.pipe(v.array(finite), v.minLength(1), v.maxLength(3))], "must be a number, or one for each channel");
const oneOf = <const T extends readonly [string, ...string[]]>(options: T) => v.picklist(options, `must be one of ${options.map((option) => JSON.stringify(option)).join(", ")}`);

const preprocessSchema = v.strictObject({
  size: v.optional(v.strictTuple([side, side], "must be [height, width]")),
  resize: v.optional(oneOf(RESIZE_METHODS), "pillow-bilinear"),
  fit: v.optional(oneOf(FITS), "stretch"),
  centralFraction: v.optional(v.pipe(finite, v.minValue(0.01), v.maxValue(1)), 1),
  background: v.optional(v.union([color, v.strictTuple([color, color, color])], "must be a number from 0 to 255, or [red, green, blue]"), 0),
  channels: v.optional(oneOf(CHANNEL_ORDERS), "rgb"),
  scale: v.optional(finite, 1),
  mean: v.optional(channelValues, 0),
  std: v.optional(v.pipe(channelValues, v.check((std) => [std].flat().every((one) => one !== 0), "must not be 0: values are divided by it")), 1),
  layout: v.optional(oneOf(LAYOUTS), "nhwc"),
});
export type ServingPreprocess = v.InferOutput<typeof preprocessSchema>;

const servingSchema = v.strictObject({
  /** By input key. */
  preprocess: v.optional(v.record(v.string(), preprocessSchema), () => ({})),
  classes: v.optional(
    v.strictObject({
      output: v.string(),
      names: v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(LIMITS.classNames))], "must be a list of names, or the name of a file beside this one"),
      activation: v.optional(oneOf(["softmax", "sigmoid"])),
    }),
  ),
});

/** What a serving.json says, with the names at hand. */
export interface Serving {
  /** For messages: which file. */
  readonly what: string;
  readonly preprocess: Readonly<Record<string, ServingPreprocess>>;
  readonly classes?: { readonly output: string; readonly names: string[]; readonly activation?: "softmax" | "sigmoid" | undefined } | undefined;
}

/**
 * The serving.json of a version, which counts into its source digest like any file of the model; undefined where there is none.
 * @param file another one, in place of that in the folder
 * @throws MODEL_MALFORMED; MODEL_INCOMPLETE while it, or its file of names, is missing or still being copied
 */
export async function readServing(source: SourceFolder, file?: string): Promise<Serving | undefined> {
  if (file === undefined && !(await readdir(source.path)).includes(SERVING_JSON)) return undefined;
  const from = file === undefined ? {} : { folder: dirname(file) };
  const name = file === undefined ? SERVING_JSON : basename(file);
  const what = file ?? `${SERVING_JSON} in ${source.path}`;
  const { preprocess, classes } = parseServing(await source.read(name, LIMITS.servingJsonBytes, { ...from, as: SERVING_JSON }), what);
  if (classes === undefined) return { what, preprocess };
  const { names } = classes;
  return { what, preprocess, classes: { ...classes, names: typeof names === "string" ? parseNames(await source.read(names, LIMITS.servingJsonBytes, from), `${names}, the names of ${what},`) : names } };
}

function parseServing(bytes: Uint8Array, what: string): v.InferOutput<typeof servingSchema> {
  let json: unknown;
  try {
    json = parseStrictJson(bytes, what);
  } catch (cause) {
    const isCut = !new TextDecoder().decode(bytes).trimEnd().endsWith("}");
    throw new AshoreError(isCut ? "MODEL_INCOMPLETE" : "MODEL_MALFORMED", cause instanceof Error ? cause.message : `${what} is not JSON.`, { cause });
  }
  const result = v.safeParse(servingSchema, json);
  if (result.success) return result.output;
  throw new AshoreError("MODEL_MALFORMED", schemaError(what, result.issues).message);
}

/** One name a line. */
function parseNames(bytes: Uint8Array, what: string): string[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new AshoreError("MODEL_MALFORMED", `${what} is not UTF-8.`, { cause });
  }
  const names = text.trimEnd().split(/\r?\n/);
  if (text.trim() === "" || names.length > LIMITS.classNames) throw new AshoreError("MODEL_MALFORMED", `${what} has ${text.trim() === "" ? "no" : names.length} names; it must have one a line, ${LIMITS.classNames} at most.`);
  return names;
}
