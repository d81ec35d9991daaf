import { DTYPES, type DType } from "../../protocol/dtype.ts";
import { asAshoreError, AshoreError } from "../../protocol/errors.ts";
import { isPixels, type Pixels } from "../../protocol/image/pixels.ts";
import { preprocessImage, type PreparedImage } from "../../protocol/image/preprocess-image.ts";
import { LIMITS } from "../../protocol/limits.ts";
import type { NamedTensors, Tensor, TensorData } from "../../protocol/tensor.ts";
import type { Preprocess } from "../../protocol/preprocess.ts";
import type { PrepareImage, RunOptions } from "../ports.ts";
import type { Port, Signature } from "./signature.ts";

/** Pixels, or the bytes of a JPEG or PNG. */
export type Image = Pixels | Uint8Array;

export interface ImageOptions extends RunOptions {
  readonly prepareImage: PrepareImage | undefined;
}

/** The images that a value is, one or several; undefined where it is a tensor or numbers, which are the input as it stands. */
export function imagesOf(value: unknown): readonly Image[] | undefined {
  if (isImage(value)) return [value];
  if (isEncoded(value)) return value.data as readonly Uint8Array[];
  return Array.isArray(value) && value.length > 0 && value.every(isImage) ? value : undefined;
}

function isImage(value: unknown): value is Image {
  return value instanceof Uint8Array || isPixels(value);
}

/** Bytes, one image each: as a request in JSON carries them. */
function isEncoded(value: unknown): value is Tensor {
  const { dtype, shape } = Object(value) as Partial<Tensor>;
  return dtype === "string" && shape !== undefined && shape.length < 2;
}

/**
 * The inputs with images made what the graph takes; others as they are.
 * @throws as {@link imageTensor}
 */
export async function withImages(inputs: NamedTensors, signature: Signature, options: ImageOptions): Promise<NamedTensors> {
  const made: Record<string, Tensor> = {};
  for (const port of signature.images) {
    const tensor = inputs[port.key];
    if (tensor?.dtype !== "string") continue;
    const images = imagesOf(tensor);
    if (images === undefined) throw new AshoreError("INVALID_ARGUMENT", `Input ${port.key} has images in a list of the shape [${tensor.shape}]; give one, or a list of them.`);
    made[port.key] = await imageTensor(images, port, signature, options);
  }
  return { ...inputs, ...made };
}

/**
 * A batch of images, in the dtype that the engine computes the input in: whole numbers are rounded, and 8 bits of them kept within
 * their range.
 * @throws INVALID_ARGUMENT for bytes that are no image, another number of them than the graph takes, or images of several sizes where
 * that is theirs to say; LIMIT_EXCEEDED; UNIMPLEMENTED on a host that decodes none
 */
export async function imageTensor(images: readonly Image[], port: Port, { def }: Signature, options: ImageOptions): Promise<Tensor> {
  const { key, dtype, preprocess: how } = port;
  if (how === undefined) throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is ${dtype}, and this model does not say how an image becomes it; give a tensor.`);
  const batch = def.inputs[key]?.shape?.[0] ?? -1;
  if (batch >= 0 && images.length !== batch) throw new AshoreError("INVALID_ARGUMENT", `Input ${key} takes ${batch} ${batch === 1 ? "image" : "images"} at a time; it is given ${images.length}.`);
  let first: PreparedImage | undefined;
  let values = new Float32Array();
  for (const [at, image] of images.entries()) {
    const prepared = await prepare(image, how, options).catch((thrown: unknown) => {
      const { code, message } = asAshoreError(thrown);
      throw new AshoreError(code, `Input ${key}${images.length > 1 ? `, image ${at}` : ""}: ${message}`, { cause: thrown });
    });
    const { length } = prepared.values;
    if (first === undefined) {
      first = prepared;
      if (length * images.length > LIMITS.imageElements) throw new AshoreError("LIMIT_EXCEEDED", `Input ${key}: ${images.length} images become more than the ${LIMITS.imageElements} values that are taken; send fewer at a time.`);
      values = images.length === 1 ? prepared.values : new Float32Array(length * images.length);
    } else if (prepared.height !== first.height || prepared.width !== first.width) {
      throw new AshoreError("INVALID_ARGUMENT", `Input ${key} takes images of any size, but of one in a request: image 0 has ${first.width} x ${first.height} pixels, image ${at} ${prepared.width} x ${prepared.height}.`);
    }
    if (images.length > 1) values.set(prepared.values, at * length);
  }
  if (first === undefined) throw new AshoreError("INVALID_ARGUMENT", `Input ${key} is given no image.`);
  const planes = first.values.length / (first.height * first.width);
  const shape = how.layout === "nhwc" ? [images.length, first.height, first.width, planes] : [images.length, planes, first.height, first.width];
  return DTYPES[dtype].engine === "int32" ? { dtype: "int32", shape, data: rounded(values, dtype) } : { dtype: "float32", shape, data: values };
}

async function prepare(image: Image, how: Preprocess, { prepareImage, signal }: ImageOptions): Promise<PreparedImage> {
  if (!(image instanceof Uint8Array)) return preprocessImage(image, how);
  if (prepareImage === undefined) throw new AshoreError("UNIMPLEMENTED", "This host decodes no images; give pixels: {width, height, data}, 8 bits of red, green, blue and alpha.");
  return await prepareImage(image, how, { signal });
}

function rounded(values: Float32Array, dtype: DType): TensorData {
  const [least, most] = dtype === "uint8" ? [0, 255] : dtype === "int8" ? [-128, 127] : [-(2 ** 31), 2 ** 31 - 1];
  return Int32Array.from(values, (value) => Math.max(least, Math.min(most, Math.round(value))));
}
