import * as v from "valibot";
import { sizeSchema } from "./descriptor.ts";

/** How an image is resized; `image/taps.ts` says what each computes. */
export const RESIZE_METHODS = ["pillow-bilinear", "pillow-bicubic", "tf-bilinear", "nearest"] as const;
export const FITS = ["stretch", "crop", "pad"] as const;
export const CHANNEL_ORDERS = ["rgb", "bgr", "gray"] as const;
export const LAYOUTS = ["nhwc", "nchw"] as const;

const perChannel = v.pipe(v.array(v.number()), v.minLength(1), v.maxLength(3));

/**
 * How an image becomes one of a signature def's inputs (`image/preprocess-image.ts` does it): laid over `background` where it
 * is transparent, cut, resized, and each value `(pixel * scale - mean) / std`, pixels being 0 to 255. A device that does not know
 * a field must not leave it out, so it takes no version that has one.
 */
export const preprocessSchema = v.strictObject({
  /** Height and width. Absent: the image's own, for a graph that takes any. */
  size: v.optional(v.strictTuple([sizeSchema, sizeSchema])),
  resize: v.picklist(RESIZE_METHODS),
  /** Where the image has another shape than `size`: distorted, cut to its middle, or whole with `background` on two sides. */
  fit: v.picklist(FITS),
  /** The share of each side that is kept before that, around the middle. */
  centralFraction: v.pipe(v.number(), v.minValue(0.01), v.maxValue(1)),
  /** Red, green, blue, 0 to 255. */
  background: v.strictTuple([v.number(), v.number(), v.number()]),
  channels: v.picklist(CHANNEL_ORDERS),
  scale: v.number(),
  /** One for each channel, in the order of `channels`. */
  mean: perChannel,
  std: perChannel,
  layout: v.picklist(LAYOUTS),
});
export type Preprocess = v.InferOutput<typeof preprocessSchema>;
export type ResizeMethod = Preprocess["resize"];
