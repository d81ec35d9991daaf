import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Preprocess } from "../../protocol/preprocess.ts";
import { decodePng } from "../../edge/image/decode-png.ts";
import { openApp, type App } from "../support/app.ts";
import { bundle } from "../support/chromium.ts";
import type { ImageActions } from "../support/image-actions.ts";
import { hasPhotos, IMAGE_CASES, imageFile, largestDifference, photoFile, PHOTO_CASES, PIXELS } from "../support/image-vectors.ts";
import { writeColorModel } from "../support/make-model.ts";

let app: App;
let page: Page;

beforeAll(async () => {
  app = await openApp({
    color: async (folder) => {
      await writeColorModel(folder, [-1, -1, -1, 3]);
      await writeFile(join(folder, "serving.json"), JSON.stringify({ preprocess: { image: {} }, classes: { output: "scores", names: ["red", "green", "blue"] } }));
    },
  });
  app.site.put("/images.js", { body: await bundle("test/browser/page/images.ts"), type: "text/javascript" });
  ({ page } = app);
  await page.evaluate("import('/images.js')");
});
afterAll(() => app?.close());

async function act<K extends keyof ImageActions>(name: K, ...args: Parameters<ImageActions[K]>): Promise<Awaited<ReturnType<ImageActions[K]>>> {
  return await page.evaluate<Awaited<ReturnType<ImageActions[K]>>>(`images[${JSON.stringify(name)}](${args.map((arg) => JSON.stringify(arg)).join(", ")})`);
}

const base64 = (file: string): string => Buffer.from(imageFile(file)).toString("base64");
const opaque = (file: string): number[] => {
  const data = [...(PIXELS.find(([name]) => name === file)?.[1].data ?? [])];
  return data.filter((_, at) => at % 4 !== 3);
};

describe("Chromium makes of an image what Pillow and NumPy make of it", () => {
  test.each(IMAGE_CASES)("$name", async ({ file, preprocess, values, tolerance }) => {
    // A canvas keeps colours with alpha multiplied in, in 8 bits: over another background than black that costs one of 255.
    const isBlended = file === "palette.png";
    expect(largestDifference(await act("prepare", base64(file), preprocess), values)).toBeLessThanOrEqual(isBlended ? 1 / 255 : tolerance);
  });

  const plain: Preprocess = { resize: "nearest", fit: "stretch", centralFraction: 1, background: [0, 0, 0], channels: "rgb", scale: 1, mean: [0, 0, 0], std: [1, 1, 1], layout: "nhwc" };

  test.each(PIXELS.filter(([, { data }]) => data.every((value, at) => at % 4 !== 3 || value === 255)))("every pixel of %s", async (file) => {
    expect(await act("prepare", base64(file), plain)).toEqual(opaque(file));
  });

  test.skipIf(!hasPhotos).each(PHOTO_CASES)("$name (skipped where ../shared has no photographs)", async ({ file, preprocess, values, tolerance }) => {
    expect(largestDifference(await act("prepare", Buffer.from(photoFile(file)).toString("base64"), preprocess), values)).toBeLessThanOrEqual(tolerance);
  });

  test("or says what is wrong with it", async () => {
    expect(await act("fails", Buffer.from("<svg/>").toString("base64"), plain)).toMatch(/^INVALID_ARGUMENT An image of 6 bytes is neither/);
    expect(await act("fails", Buffer.from(imageFile("picture.png").subarray(0, 60)).toString("base64"), plain)).toMatch(/^INVALID_ARGUMENT An image of 60 bytes begins as a image\/png of 53 x 37 pixels, and cannot be decoded/);
  });
});

test("a page passes an image in whatever form it has it, and gets the same pixels and names", async () => {
  const answers = await act("each", app.site.url, base64("rgb.png"), "image/png");
  expect(Object.keys(answers).sort()).toEqual(["bitmap", "blob", "bytes", "canvas", "data", "element", "frame", "offscreen", "pixels"]);
  for (const [form, { shape, pixels, classes }] of Object.entries(answers)) {
    expect([form, shape, pixels]).toEqual([form, [1, 5, 7, 3], opaque("rgb.png")]);
    expect(classes?.[0]?.map(({ name }) => name).sort()).toEqual(["blue", "green", "red"]);
  }
});

test("several images are a batch, and as many classes are named as are asked for", async () => {
  const { shape, pixels, classes } = await act("several", app.site.url, base64("rgb.png"), "image/png");
  expect([shape, pixels, classes?.map((row) => row.length)]).toEqual([[2, 5, 7, 3], [...opaque("rgb.png"), ...opaque("rgb.png")], [1, 1]]);
});

test("what is no image is refused in the page", async () => {
  expect(await act("refused", app.site.url)).toBe("INVALID_ARGUMENT");
});

test("the service worker answers images over REST, with names by :classify", async () => {
  const image = { b64: base64("rgb.png") };
  const predicted = await act("rest", "/v1/models/color:predict", JSON.stringify({ instances: [image] }));
  const { predictions } = JSON.parse(predicted.body) as { predictions: { pixels: number[][][] }[] };
  expect([predicted.status, predicted.by, predictions[0]?.pixels.flat(2)]).toEqual([200, "device", opaque("rgb.png")]);
  const classified = await act("rest", "/v1/models/color:classify", JSON.stringify({ top_k: 2, examples: [{ image }] }));
  const { results } = JSON.parse(classified.body) as { results: [string, number][][] };
  expect([classified.status, classified.by, results[0]?.length]).toEqual([200, "device", 2]);
});

test("pixels go to a server as a PNG, which has them as they are", async () => {
  const pixels = PIXELS.find(([file]) => file === "rgb.png")?.[1] ?? { width: 0, height: 0, data: new Uint8Array() };
  const png = await act("encode", pixels.width, pixels.height, [...pixels.data]);
  expect([...decodePng(Uint8Array.from(png)).data]).toEqual([...pixels.data]);
});
