import type { NamedClasses } from "../../protocol/classes.ts";
import { AshoreError } from "../../protocol/errors.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { SignatureDef, TensorInfo } from "../../protocol/manifest.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import type { Serving, ServingPreprocess } from "./serving-json.ts";

/** What a serving.json adds to an imported model, in the manifest's terms. */
export interface AppliedServing {
  readonly preprocess?: Readonly<Record<string, Preprocess>>;
  readonly classes?: NamedClasses;
}

type SignatureDefs = Readonly<Record<string, SignatureDef>>;
type Places = "inputs" | "outputs";

/**
 * Holds a serving.json against the signature defs that it is for, and fills in what they say. A key stands for every signature
 * def's input of that name, but those that take text.
 * @throws MODEL_MALFORMED, saying what fits not, and what would
 */
export function applyServing({ what, preprocess, classes }: Serving, signatureDefs: SignatureDefs): AppliedServing {
  const images = Object.entries(preprocess).map(([key, how]) => [key, imageInput(how, named(signatureDefs, "inputs", key, `${what}: preprocess`), `${what}: preprocess.${key}`)] as const);
  if (classes !== undefined) {
    for (const info of named(signatureDefs, "outputs", classes.output, `${what}: classes.output`)) checkScores(classes.names, info, `${what}: classes`);
  }
  const { output = "", names = [], activation } = classes ?? {};
  return {
    ...(images.length === 0 ? {} : { preprocess: Object.fromEntries(images) }),
    ...(classes === undefined ? {} : { classes: { output, names, ...(activation === undefined ? {} : { activation }) } }),
  };
}

/** The inputs or outputs of a name, one or more. */
function named(signatureDefs: SignatureDefs, place: Places, key: string, what: string): readonly TensorInfo[] {
  const found = Object.values(signatureDefs).flatMap((def) => {
    const info = Object.hasOwn(def[place], key) ? def[place][key] : undefined;
    return info === undefined || info.dtype === "string" ? [] : [info];
  });
  if (found.length > 0) return found;
  const known = new Set(Object.values(signatureDefs).flatMap((def) => Object.entries(def[place]).flatMap(([name, { dtype }]) => (dtype === "string" ? [] : [name]))));
  throw malformed(`${what} names ${JSON.stringify(key)}, which no signature def has among its ${place}; there are ${[...known].map((name) => JSON.stringify(name)).join(", ") || "none of numbers"}.`);
}

const NO_IMAGES: readonly string[] = ["bool", "complex64", "complex128"];

function imageInput(how: ServingPreprocess, infos: readonly TensorInfo[], what: string): Preprocess {
  const { size: asked, background, mean, std, ...rest } = how;
  const planes = how.channels === "gray" ? 1 : 3;
  let size = asked;
  for (const { dtype, shape } of infos) {
    if (NO_IMAGES.includes(dtype)) throw malformed(`${what}: the input takes ${dtype}, which no image becomes.`);
    if (shape === null) continue;
    if (shape.length !== 4) throw malformed(`${what}: the input has the shape [${shape}]; an image becomes one of four dimensions (batch, height, width and channels).`);
    const [rows = -1, columns = -1, channels = -1] = how.layout === "nhwc" ? shape.slice(1) : [shape[2], shape[3], shape[1]];
    if (channels !== -1 && channels !== planes) {
      const remedy = channels === 1 ? 'say "channels": "gray"' : channels === 3 ? 'say "channels": "rgb" or "bgr"' : 'say "layout": "nchw" if the channels come first';
      throw malformed(`${what}: the input of shape [${shape}] takes ${channels} channels, and "${how.channels}" has ${planes}; ${remedy}.`);
    }
    for (const [axis, fixed] of [rows, columns].entries()) {
      const other = size?.[axis];
      if (fixed !== -1 && other !== undefined && other !== fixed) throw malformed(`${what}: "size" is [${size}], and the input takes the shape [${shape}]; leave "size" out.`);
    }
    if (rows !== -1 && columns !== -1) size = [rows, columns];
    else if ((rows === -1) !== (columns === -1) && size === undefined) throw malformed(`${what}: the input of shape [${shape}] leaves one side open; say which "size": [height, width] images are to have.`);
  }
  if (size === undefined && (how.fit !== "stretch" || how.centralFraction !== 1)) throw malformed(`${what}: "fit" and "centralFraction" are about a "size", and the input takes images of any; say "size": [height, width].`);
  if (size !== undefined && size[0] * size[1] * planes > LIMITS.imageElements) throw malformed(`${what}: images of ${size[0]} x ${size[1]} are more than the ${LIMITS.imageElements} values that devices make.`);
  return {
    ...(size === undefined ? {} : { size }),
    ...rest,
    background: typeof background === "number" ? [background, background, background] : background,
    mean: forEach(mean, planes, `${what}.mean`),
    std: forEach(std, planes, `${what}.std`),
  };
}

function forEach(values: number | number[], planes: number, what: string): number[] {
  if (typeof values === "number") return Array.from({ length: planes }, () => values);
  if (values.length === planes) return values;
  throw malformed(`${what} has ${values.length} numbers for ${planes} channels.`);
}

function checkScores(names: readonly string[], { dtype, shape }: TensorInfo, what: string): void {
  if (dtype !== "float32" && dtype !== "float64") throw malformed(`${what}: the output has ${dtype}; scores are float32 or float64.`);
  if (shape === null) return;
  const width = shape.at(-1);
  if (width === undefined || shape.slice(1, -1).some((size) => size > 1)) throw malformed(`${what}: the output has the shape [${shape}]; scores are [batch, classes].`);
  if (width === -1 || width === names.length || (width === 1 && names.length === 2)) return;
  const background = width === names.length + 1 ? ' If the first of its scores is that of "none of them", as in TensorFlow\'s older image models, begin the names with one for it.' : "";
  throw malformed(`${what}: the output of shape [${shape}] has ${width} scores, and there are ${names.length} names.${background}`);
}

function malformed(message: string): AshoreError {
  return new AshoreError("MODEL_MALFORMED", message);
}
