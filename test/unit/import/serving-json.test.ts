import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ErrorCode } from "../../../protocol/errors.ts";
import { importModel } from "../../../sync-server/import/index.ts";
import { writeColorModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";

let root = "";
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ashore-serving-json-"));
});
afterAll(() => rm(root, { recursive: true }));

let folders = 0;
/** A model of images [-1, 4, 6, 3] and scores [-1, 3], with these files beside it. */
async function folderWith(files: Readonly<Record<string, unknown>>, shape?: readonly number[]): Promise<string> {
  const path = join(root, String(++folders));
  await writeColorModel(path, shape);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), typeof content === "string" ? content : JSON.stringify(content));
  }
  return path;
}

const names = ["red", "green", "blue"];

describe("a serving.json", () => {
  test("is filled in from the signature defs, and by what is usual", async () => {
    const path = await folderWith({ "serving.json": { preprocess: { image: { scale: 0.5, mean: [1, 2, 3], background: 7 } }, classes: { output: "scores", names } } });
    const { preprocess, classes } = await importModel(path);
    expect(preprocess).toEqual({
      image: { size: [4, 6], resize: "pillow-bilinear", fit: "stretch", centralFraction: 1, background: [7, 7, 7], channels: "rgb", scale: 0.5, mean: [1, 2, 3], std: [1, 1, 1], layout: "nhwc" },
    });
    expect(classes).toEqual({ output: "scores", names });
  });

  test("may be missing", async () => {
    const { preprocess, classes } = await importModel(await folderWith({}));
    expect([preprocess, classes]).toEqual([undefined, undefined]);
  });

  test("names its classes in a file beside it, one a line, and both count into the source digest", async () => {
    const json = { classes: { output: "scores", names: "labels/en.txt" } };
    const path = await folderWith({ "serving.json": json, "labels/en.txt": "red\r\ngreen\n blue \n" });
    const { classes, sourceDigest } = await importModel(path);
    expect(classes?.names).toEqual(["red", "green", " blue"]);
    await writeFile(join(path, "labels/en.txt"), "rot\ngrün\nblau\n");
    const other = await importModel(path);
    expect([other.classes?.names[1], other.sourceDigest === sourceDigest]).toEqual(["grün", false]);
    const again = await importModel(await folderWith({ "serving.json": json, "labels/en.txt": "rot\ngrün\nblau\n" }));
    expect(again.sourceDigest).toBe(other.sourceDigest);
  });

  test("of another place takes the folder's own place, and is the same source", async () => {
    const json = { classes: { output: "scores", names: "names.txt" } };
    const elsewhere = await folderWith({ "mine.json": json, "names.txt": "a\nb\nc" });
    const path = await folderWith({ "serving.json": { classes: { output: "scores", names } } });
    const given = await importModel(path, { serving: join(elsewhere, "mine.json") });
    expect(given.classes?.names).toEqual(["a", "b", "c"]);
    const beside = await importModel(await folderWith({ "serving.json": json, "names.txt": "a\nb\nc" }));
    expect(given.sourceDigest).toBe(beside.sourceDigest);
  });

  test("takes images of any size where the model does", async () => {
    const open = await importModel(await folderWith({ "serving.json": { preprocess: { image: {} } } }, [1, -1, -1, 3]));
    expect(open.preprocess?.["image"]).not.toHaveProperty("size");
    const sized = await importModel(await folderWith({ "serving.json": { preprocess: { image: { size: [9, 8], channels: "gray", layout: "nchw" } } } }, [-1, 1, -1, -1]));
    expect(sized.preprocess?.["image"]?.size).toEqual([9, 8]);
  });

  test.each<[string, unknown, ErrorCode, RegExp]>([
    ["a field that is not known", { preprocess: { image: { resice: "nearest" } } }, "MODEL_MALFORMED", /preprocess\.image\.resice/],
    ["another kind of resizing", { preprocess: { image: { resize: "lanczos" } } }, "MODEL_MALFORMED", /preprocess\.image\.resize: must be one of "pillow-bilinear", "pillow-bicubic"/],
    ["a deviation of 0", { preprocess: { image: { std: [1, 0, 1] } } }, "MODEL_MALFORMED", /std: must not be 0/],
    ["an input that there is not", { preprocess: { img: {} } }, "MODEL_MALFORMED", /"img".*inputs; there are "image"/],
    ["an output that there is not", { classes: { output: "probs", names } }, "MODEL_MALFORMED", /"probs".*outputs; there are "pixels", "scores"/],
    ["another number of channels", { preprocess: { image: { channels: "gray" } } }, "MODEL_MALFORMED", /takes 3 channels, and "gray" has 1; say "channels": "rgb" or "bgr"/],
    ["another layout", { preprocess: { image: { layout: "nchw" } } }, "MODEL_MALFORMED", /takes 4 channels/],
    ["another size", { preprocess: { image: { size: [6, 4] } } }, "MODEL_MALFORMED", /"size" is \[6,4\], and the input takes the shape \[-1,4,6,3\]/],
    ["too few means", { preprocess: { image: { mean: [1, 2] } } }, "MODEL_MALFORMED", /mean has 2 numbers for 3 channels/],
    ["too many names", { classes: { output: "scores", names: ["a", "b", "c", "d"] } }, "MODEL_MALFORMED", /has 3 scores, and there are 4 names/],
    ["no name for the background", { classes: { output: "scores", names: ["a", "b"] } }, "MODEL_MALFORMED", /begin the names with one for it/],
    ["an output of images", { classes: { output: "pixels", names } }, "MODEL_MALFORMED", /scores are \[batch, classes\]/],
    ["a file of names outside", { classes: { output: "scores", names: "../names.txt" } }, "MODEL_MALFORMED", /leads outside/],
    ["a file of names that is missing", { classes: { output: "scores", names: "names.txt" } }, "MODEL_INCOMPLETE", /names\.txt is missing/],
    ["a cut one", '{"classes": {"output": "sco', "MODEL_INCOMPLETE", /serving\.json/],
    ["no JSON", "scores: red}", "MODEL_MALFORMED", /serving\.json/],
  ])("is refused with %s", async (_, json, code, message) => {
    await expect(importModel(await folderWith({ "serving.json": json }))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

describe("published", () => {
  let publishing: Publishing;
  beforeAll(async () => {
    publishing = await startPublishing();
  });
  afterAll(() => publishing.close());

  test("a few names are in the manifest, many are an asset beside it", async () => {
    await writeColorModel(publishing.folder("few/1"));
    await writeFile(publishing.folder("few/1/serving.json"), JSON.stringify({ preprocess: { image: {} }, classes: { output: "scores", names, activation: "softmax" } }));
    const few = await publishing.publish("few", 1);
    expect(await publishing.manifest("few", 1, few.manifest)).toMatchObject({ preprocess: { image: { size: [4, 6] } }, classes: { output: "scores", names, activation: "softmax" }, assets: [] });

    const many = Array.from({ length: 2000 }, (_, i) => `a class with number ${i}`);
    await writeColorModel(publishing.folder("many/1"), [-1, -1, -1, 3]);
    await writeFile(publishing.folder("many/1/serving.json"), JSON.stringify({ classes: { output: "scores", names: many } }));
    await expect(publishing.publish("many", 1)).rejects.toMatchObject({ code: "MODEL_MALFORMED" });
    await writeColorModel(publishing.folder("many/1"), [-1, 2, 2, 2000]);
    const { manifest } = await publishing.publish("many", 1);
    const { classes, assets } = await publishing.manifest("many", 1, manifest);
    expect([classes, assets]).toMatchObject([{ output: "scores", names: "serving/classes.json" }, [{ path: "serving/classes.json", blob: { size: JSON.stringify(many).length } }]]);
  });
});
