import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { attr, tensor } from "../../support/saved-model-writer/protos.ts";
import { denseClassifier, examples, switchMerge } from "../../support/saved-model-writer/models.ts";
import { SavedModelWriter } from "../../support/saved-model-writer/saved-model-writer.ts";
import { run } from "./run-cli.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ashore-cli-inspect-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("ashore inspect shows a SavedModel's tag sets, signature defs, operations, and what each stage of the import did", async () => {
  await denseClassifier().write(join(folder, "dense"), { others: [switchMerge()] });
  const { status, out } = await run(folder, "inspect", "dense");
  expect(status).toBe(0);
  expect(out).toContain("tag sets {serve}, {edge}");
  expect(out).toMatch(/signature def serving_default .*predict[\s\S]*input\s+x\s+float32\s+\[\?, 2\][\s\S]*output\s+logits/);
  expect(out).toContain("all supported");
  expect(out).toMatch(/2 weights of \d+/);
  expect(out).toMatch(/imported by\n[\s\S]*inline: (?:\d+ to )?\d+ nodes; .*call/);
  expect(out).toMatch(/freeze: .*variable/);

  const edge = await run(folder, "inspect", "dense", "--saved_model_tags", "edge", "--json");
  expect(JSON.parse(edge.out)).toMatchObject({ tagSets: [["serve"], ["edge"]], signatureDefs: { serving_default: { outputs: { y: { dtype: "float32" } } } } });
  const missing = await run(folder, "inspect", "dense", "--saved_model_tags", "serve,quantized");
  expect([missing.status, missing.err]).toEqual([1, expect.stringContaining("{serve}, {edge}")]);
});

test("ashore inspect shows the features of examples, and how many warm-up records there are", async () => {
  await examples().write(join(folder, "examples"));
  await mkdir(join(folder, "examples/assets.extra"));
  await writeFile(join(folder, "examples/assets.extra/warmup.json"), '{"warmup":[{"examples":[{"x":[1.0,2.0]}]},{"signature_name":"classify","examples":[{}]}]}');
  const { status, out } = await run(folder, "inspect", "examples");
  expect(status).toBe(0);
  expect(out).toMatch(/input +inputs +string +\[\?\] +\S+\n +feature +x +float32 +\[2\] +\S+ +has a default\n +output +scores/);
  expect(out).toContain("  2 warm-up records\n");
});

test("ashore inspect takes the only meta graph there is, whatever its tags", async () => {
  await switchMerge().write(join(folder, "edge"));
  expect((await run(folder, "inspect", "edge")).out).toContain("tag set {edge}");
});

test("ashore inspect shows a model that cannot run, with the operations that TensorFlow.js lacks", async () => {
  const model = new SavedModelWriter("tf1");
  const { graph } = model;
  const x = graph.placeholder("x", "float32", [2, 2]);
  const inverse = graph.op("MatrixInverse", [x], { T: attr.type("float32") });
  const y = graph.op("MatMul", [inverse, graph.constant(tensor.float([2, 2], [1, 0, 0, 1]))], { T: attr.type("float32") });
  await model.signature("serving_default", { x: [x, "float32", [2, 2]] }, { y: [y, "float32", [2, 2]] }).write(join(folder, "inverse"));
  const { status, out } = await run(folder, "inspect", "inverse");
  expect([status, out]).toEqual([0, expect.stringMatching(/1\s+MatrixInverse\s+NOT SUPPORTED/)]);
  expect(out).toContain("1 not supported");
});
