import { describe, expect, test } from "vitest";
import { oriented } from "../../../edge/image/orient.ts";
import { createImageThread } from "../../../edge/image-thread.ts";
import { IMAGE_CASES, imageFile, largestDifference } from "../../support/image-vectors.ts";

const script = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(code)}`);
const [{ file, preprocess, values, tolerance } = { file: "", preprocess: undefined as never, values: new Float32Array(), tolerance: 0 }] = IMAGE_CASES;

describe("a thread for images", () => {
  test("answers each in its turn, whole, and leaves its bytes to the caller", async () => {
    const thread = createImageThread();
    const bytes = imageFile(file);
    const answers = await Promise.all(Array.from({ length: 5 }, () => thread.prepareImage(bytes, preprocess, {})));
    for (const image of answers) expect(largestDifference(image.values, values)).toBeLessThanOrEqual(tolerance);
    expect([...bytes]).toEqual([...imageFile(file)]);
    await thread.close();
  });

  test("says what is wrong with one, and takes the next", async () => {
    const thread = createImageThread();
    const bad = thread.prepareImage(Uint8Array.of(1, 2, 3), preprocess, {});
    const good = thread.prepareImage(imageFile(file), preprocess, {});
    await expect(bad).rejects.toMatchObject({ code: "INVALID_ARGUMENT", message: expect.stringContaining("neither a JPEG") });
    expect((await good).values.length).toBe(values.length);
    await thread.close();
  });

  test("never looks at what is cancelled before its turn, and takes nothing once it is closed", async () => {
    const thread = createImageThread({ threadScript: script("import { parentPort } from 'node:worker_threads'; parentPort.on('message', () => {});") });
    const signals = [new AbortController(), new AbortController()];
    const waiting = signals.map(({ signal }) => thread.prepareImage(imageFile(file), preprocess, { signal }));
    for (const one of signals) one.abort();
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(thread.prepareImage(imageFile(file), preprocess, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "CANCELLED" });
    const last = thread.prepareImage(imageFile(file), preprocess, {});
    const settled = expect(last).rejects.toMatchObject({ code: "CANCELLED", message: expect.stringContaining("closed") });
    await thread.close();
    await settled;
    await expect(thread.prepareImage(imageFile(file), preprocess, {})).rejects.toMatchObject({ code: "CANCELLED" });
  });

  test("ends with one that is given up while it works on it, and the next is not kept waiting", async () => {
    const thread = createImageThread({
      threadScript: script("import { parentPort } from 'node:worker_threads'; parentPort.on('message', ({ bytes }) => { while (bytes.length === 1); parentPort.postMessage({ type: 'prepared', image: { height: 1, width: bytes.length, values: new Float32Array(1) } }); });"),
    });
    const giveUp = new AbortController();
    const endless = thread.prepareImage(new Uint8Array(1), preprocess, { signal: giveUp.signal });
    const next = thread.prepareImage(new Uint8Array(7), preprocess, {});
    giveUp.abort();
    await expect(endless).rejects.toMatchObject({ code: "CANCELLED" });
    expect((await next).width).toBe(7);
    await thread.close();
  });

  test("that dies over one fails that one alone, and starts again for the next", async () => {
    const thread = createImageThread({
      threadScript: script("import { parentPort } from 'node:worker_threads'; parentPort.on('message', ({ bytes }) => { if (bytes.length === 1) process.exit(3); parentPort.postMessage({ type: 'prepared', image: { height: 1, width: bytes.length, values: new Float32Array(1) } }); });"),
    });
    const deadly = thread.prepareImage(new Uint8Array(1), preprocess, {});
    const next = thread.prepareImage(new Uint8Array(7), preprocess, {});
    await expect(deadly).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED", message: expect.stringContaining("status 3") });
    expect((await next).width).toBe(7);
    await thread.close();
  });
});

test("an image comes the way up that EXIF says, whichever of the eight", () => {
  // The letters a b c over d e f as they would be stored for each orientation of one and the same scene.
  const stored: readonly (readonly [orientation: number, width: number, letters: string])[] = [
    [1, 3, "abcdef"],
    [2, 3, "cbafed"],
    [3, 3, "fedcba"],
    [4, 3, "defabc"],
    [5, 2, "adbecf"],
    [6, 2, "cfbead"],
    [7, 2, "fcebda"],
    [8, 2, "daebfc"],
  ];
  for (const [orientation, width, letters] of stored) {
    const data = Uint8ClampedArray.from(Array.from(letters, (letter) => [letter.charCodeAt(0), 0, 0, 255]).flat());
    const shown = oriented({ width, height: 6 / width, data }, orientation);
    expect([orientation, shown.width, shown.height, String.fromCharCode(...shown.data.filter((_, at) => at % 4 === 0))]).toEqual([orientation, 3, 2, "abcdef"]);
  }
});
