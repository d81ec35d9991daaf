import { encodeImages } from "../../../browser/encode-images.ts";
import { prepareImage } from "../../../browser/prepare-image.ts";
import type { ImageSource, InputValue } from "../../../client/types.ts";
import type { ImageActions, ImageAnswer } from "../../support/image-actions.ts";

/** What the tests of images do in a page that has `connect` of `/ashore/client.js`. */

const bytesOf = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** Each way in which a page may hold one image. */
async function forms(base64: string, type: string): Promise<Record<string, ImageSource | Uint8Array>> {
  const blob = new Blob([bytesOf(base64)], { type });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none" });
  const element = new Image();
  element.src = URL.createObjectURL(blob);
  await element.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = offscreen.getContext("2d");
  if (context === null) throw new Error("no canvas");
  context.drawImage(bitmap, 0, 0);
  const data = context.getImageData(0, 0, bitmap.width, bitmap.height);
  const { width, height } = data;
  return { blob, bitmap, element, canvas, offscreen, data, pixels: { width, height, data: data.data }, frame: new VideoFrame(bitmap, { timestamp: 0 }), bytes: bytesOf(base64) };
}

async function ask(server: string, input: InputValue, topK?: number): Promise<ImageAnswer> {
  const ashore = await globalThis.connect({ server, models: ["color"] });
  const model = ashore.model("color");
  await model.ready({ signal: AbortSignal.timeout(30_000) });
  const { outputs, classes } = await model.predict({ image: input }, { topK });
  await ashore.close();
  const answered = outputs["pixels"];
  return { shape: answered?.shape ?? [], pixels: Array.from((answered?.data ?? []) as ArrayLike<number>), classes };
}

async function refusal(asked: Promise<unknown>): Promise<{ readonly code: string; readonly message: string }> {
  try {
    await asked;
    return { code: "none", message: "it was not refused" };
  } catch (thrown) {
    return thrown as { readonly code: string; readonly message: string };
  }
}

const actions: ImageActions = {
  prepare: async (base64, how) => Array.from((await prepareImage(bytesOf(base64), how, {})).values),
  fails: async (base64, how) => {
    const { code, message } = await refusal(prepareImage(bytesOf(base64), how, {}));
    return `${code} ${message}`;
  },
  each: async (server, base64, type) => {
    const answers: Record<string, ImageAnswer> = {};
    for (const [name, image] of Object.entries(await forms(base64, type))) answers[name] = await ask(server, image);
    return answers;
  },
  several: async (server, base64, type) => {
    const { blob, data } = await forms(base64, type);
    return await ask(server, [blob, data] as readonly ImageSource[], 1);
  },
  refused: async (server) => (await refusal(ask(server, new Blob(["no image"])))).code,
  encode: async (width, height, data) => Array.from((await encodeImages({ width, height, data: Uint8ClampedArray.from(data) })) as Uint8Array),
  rest: async (path, body) => {
    const response = await fetch(path, { method: "POST", body });
    return { status: response.status, by: response.headers.get("x-ashore-served-by"), body: await response.text() };
  },
};

Object.assign(globalThis, { images: actions });
