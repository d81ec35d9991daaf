/** An image as it is shown: 8 bits a channel, red, green, blue, alpha (not multiplied in), row by row from the top. An `ImageData` is one. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** By shape and tag: what comes from another realm is of another class. */
export function isPixels(value: unknown): value is Pixels {
  const { width, height, data } = Object(value) as Partial<Pixels>;
  const tag = Object.prototype.toString.call(data);
  return (tag === "[object Uint8ClampedArray]" || tag === "[object Uint8Array]") && Number.isSafeInteger(width) && (width as number) > 0 && data?.length === 4 * (width as number) * (height as number);
}
