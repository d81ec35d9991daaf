import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writeColorModel } from "../../support/make-model.ts";
import { run } from "./run-cli.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-cli-serving-"));
  await writeColorModel(join(folder, "color/1"), [-1, 32, 24, 3]);
  await writeFile(join(folder, "color.json"), JSON.stringify({ preprocess: { image: { scale: 0.5, mean: [1, 2, 3], fit: "crop" } }, classes: { output: "scores", names: "names.txt" } }));
  await writeFile(join(folder, "names.txt"), "red\ngreen\nblue\n");
});
afterAll(() => rm(folder, { recursive: true }));

test("ashore publish --serving takes a serving.json from elsewhere, its names beside it, and binds the version to them", async () => {
  const published = await run(folder, "publish", "color/1", "--model", "color", "--serving", "color.json", "--json");
  expect([published.status, JSON.parse(published.out)]).toMatchObject([0, { outcome: "published", version: 1 }]);
  expect(JSON.parse((await run(folder, "publish", "color/1", "--model", "color", "--serving", "color.json", "--json")).out)).toMatchObject({ outcome: "unchanged" });
  const without = await run(folder, "publish", "color/1", "--model", "color");
  expect([without.status, without.err]).toEqual([1, expect.stringContaining("other files before")]);
});

test("ashore inspect says how images become inputs, and what has classes", async () => {
  await writeFile(join(folder, "color/1/serving.json"), JSON.stringify({ preprocess: { image: { scale: 0.5, mean: [1, 2, 3], fit: "crop" } }, classes: { output: "scores", names: ["red", "green", "blue"] } }));
  const { out } = await run(folder, "inspect", "color/1");
  expect(out).toContain("images become image: 32 x 24 (crop, pillow-bilinear), rgb, nhwc, (pixel * 0.5 - [1,2,3]) / 1");
  expect(out).toContain("classes of scores: 3 names");
});
