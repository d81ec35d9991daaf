import { describe, expect, test } from "vitest";
import type { DType } from "../../../protocol/dtype.ts";
import type { Pixels } from "../../../protocol/image/pixels.ts";
import { preprocessImage } from "../../../protocol/image/preprocess-image.ts";
import type { Preprocess } from "../../../protocol/preprocess.ts";
import { imagesOf, imageTensor, withImages, type Image } from "../../../runtime/predict/read-images.ts";
import type { Port, Signature } from "../../../runtime/predict/signature.ts";

const HOW: Preprocess = { resize: "nearest", fit: "stretch", centralFraction: 1, background: [0, 0, 0], channels: "rgb", scale: 1, mean: [0, 0, 0], std: [1, 1, 1], layout: "nhwc" };

function pixel(...rgb: readonly number[]): Pixels {
  return { width: 1, height: 1, data: Uint8ClampedArray.of(...rgb, 255) };
}

function signatureOf(dtype: DType, how: Preprocess, batch = -1): readonly [Port, Signature] {
  const port: Port = { key: "image", name: "image:0", dtype, preprocess: how };
  const info = { name: "image:0", dtype, shape: how.layout === "nhwc" ? [batch, -1, -1, 3] : [batch, 3, -1, -1] };
  return [port, { name: "serving_default", def: { methodName: "", inputs: { image: info }, outputs: {} }, inputs: [port], images: [port], feeds: [port], outputs: [], defaults: new Map(), fetches: [] }];
}

const make = async (images: readonly Image[], { dtype = "float32", how = {}, batch = -1 }: { readonly dtype?: DType; readonly how?: Partial<Preprocess>; readonly batch?: number } = {}) => {
  const [port, signature] = signatureOf(dtype, { ...HOW, ...how }, batch);
  const { shape, data, dtype: engine } = await imageTensor(images, port, signature, { prepareImage: undefined });
  return [engine, shape, Array.from(data as ArrayLike<number>)];
};

describe("a tensor of images", () => {
  test("has the graph's layout, in the dtype that the engine computes", async () => {
    const two = [pixel(1, 2, 3), pixel(4, 5, 6)];
    expect(await make(two)).toEqual(["float32", [2, 1, 1, 3], [1, 2, 3, 4, 5, 6]]);
    expect(await make(two, { how: { layout: "nchw", channels: "bgr" } })).toEqual(["float32", [2, 3, 1, 1], [3, 2, 1, 6, 5, 4]]);
    expect(await make(two, { dtype: "float16", how: { scale: 0.5 } })).toEqual(["float32", [2, 1, 1, 3], [0.5, 1, 1.5, 2, 2.5, 3]]);
    expect(await make([pixel(0, 128, 255)], { dtype: "uint8", how: { scale: 2, mean: [0.4, 0.6, 0], } })).toEqual(["int32", [1, 1, 1, 3], [0, 255, 255]]);
    expect(await make([pixel(0, 128, 255)], { dtype: "int8", how: { mean: [128, 128, 128] } })).toEqual(["int32", [1, 1, 1, 3], [-128, 0, 127]]);
    expect(await make([pixel(0, 128, 255)], { dtype: "int32", how: { scale: 1.5 } })).toEqual(["int32", [1, 1, 1, 3], [0, 192, 383]]);
  });

  test("is refused where it would not fit", async () => {
    await expect(make([pixel(1, 2, 3), pixel(1, 2, 3)], { batch: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: "Input image takes 1 image at a time; it is given 2." });
    await expect(make([])).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: "Input image is given no image." });
    await expect(make([pixel(1, 2, 3), { width: 2, height: 1, data: new Uint8Array(8) }])).rejects.toMatchObject({ message: expect.stringContaining("image 0 has 1 x 1 pixels, image 1 2 x 1") });
    await expect(make([Uint8Array.of(1)])).rejects.toMatchObject({ code: "UNIMPLEMENTED" });
    // Small to send, large to hold: refused when the first of them is known.
    await expect(make(Array.from({ length: 400 }, () => pixel(1, 2, 3)), { how: { size: [224, 1000] } })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED", message: expect.stringContaining("400 images") });
    await expect(make([pixel(1, 2, 3)], { how: { size: [10_000, 10_000] } })).rejects.toMatchObject({ code: "LIMIT_EXCEEDED" });
  });
});

test("what is images: pixels and bytes, one or several, and strings as JSON has them; numbers and tensors are not", () => {
  const [bytes, pixels] = [new Uint8Array(3), pixel(1, 2, 3)];
  expect([imagesOf(bytes), imagesOf(pixels), imagesOf([bytes, pixels]), imagesOf({ dtype: "string", shape: [1], data: [bytes] })]).toEqual([[bytes], [pixels], [bytes, pixels], [bytes]]);
  for (const other of [[[1]], [], 1, "x", { dtype: "float32", shape: [1], data: new Float32Array(1) }, [bytes, 1], { dtype: "string", shape: [1, 1], data: [bytes] }, { width: 2, height: 2, data: new Uint8Array(3) }, { width: 0, height: 0, data: new Uint8Array() }, null]) {
    expect(imagesOf(other)).toBeUndefined();
  }
});

test("the tensors of a request are left alone but for images, which are prepared one after the other", async () => {
  const [, signature] = signatureOf("float32", HOW);
  const numbers = { dtype: "float32", shape: [1, 1, 1, 3], data: Float32Array.of(1, 2, 3) } as const;
  const options = { prepareImage: async (bytes: Uint8Array) => preprocessImage(pixel(...bytes), HOW) };
  expect(await withImages({ image: numbers }, signature, options)).toEqual({ image: numbers });
  const encoded = { dtype: "string", shape: [2], data: [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5, 6)] } as const;
  expect(await withImages({ image: encoded }, signature, options)).toEqual({ image: { dtype: "float32", shape: [2, 1, 1, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) } });
});
