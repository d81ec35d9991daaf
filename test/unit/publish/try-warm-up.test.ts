import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import type { SignatureDef, WarmUpRecord } from "../../../protocol/manifest.ts";
import { tryWarmUp } from "../../../sync-server/publish/try-warm-up.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { startPublishing, type Publishing } from "../../support/publishing.ts";
import { fakeEngine } from "../activate/fake-engine.ts";

let publishing: Publishing;
beforeAll(async () => {
  publishing = await startPublishing();
});
afterAll(() => publishing.close());

/** y = x + 1 for x of one dimension, whatever its signature def says. */
async function write(name: string, warmup: string): Promise<void> {
  const folder = publishing.folder(`${name}/1`);
  await writeLinearModel(folder, 1, 1);
  const model = JSON.parse(await readFile(join(folder, "model.json"), "utf8")) as { signature: { inputs: { x: { tensorShape?: object } } } };
  delete model.signature.inputs.x.tensorShape;
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
  await mkdir(join(folder, "assets.extra"));
  await writeFile(join(folder, "assets.extra/warmup.json"), warmup);
}

test("a record that the model cannot compute is refused where it is published, and named", async () => {
  await write("bad", '{"warmup":[{"inputs":[1]},{"inputs":[[1]]}]}');
  await expect(publishing.publish("bad", 1)).rejects.toThrow(
    expect.objectContaining({ code: "SELF_TEST_FAILED", message: expect.stringMatching(/^Warm-up record 2, for the signature def serving_default, cannot be computed on (wasm|cpu): .*\[1,1\]/) as string }),
  );
  expect(await publishing.served("bad")).toBeUndefined();
});

test("records that it computes are published", async () => {
  await write("good", '{"warmup":[{"inputs":[1]},{"inputs":[1,2]}]}');
  const { manifest, notes } = await publishing.publish("good", 1);
  expect((await publishing.manifest("good", 1, manifest)).warmup).toEqual([1, 2].map((size) => ({ signatureDef: "serving_default", inputs: { x: { shape: [size], values: [1, 2].slice(0, size) } } })));
  expect(notes.join()).not.toContain("Warm-up");
});

const DEF: SignatureDef = { methodName: "", inputs: { x: { name: "x:0", dtype: "float32", shape: null } }, outputs: { y: { name: "y:0", dtype: "float32", shape: null } } };
const RECORD: WarmUpRecord = { signatureDef: "s", inputs: { x: { shape: [1], values: [1] } } };
const BYTES = { graph: new Uint8Array(), index: new Uint8Array(), shards: [] };

test("one backend that computes them is enough", async () => {
  const ran: string[] = [];
  const engine = fakeEngine({
    compute: async (_, __, { backend }) => {
      ran.push(backend);
      if (backend === "wasm") throw new Error("made to fail");
      return {};
    },
  });
  expect(await tryWarmUp(BYTES, [RECORD, RECORD], { s: DEF }, { engine, clock: { now: () => 0, sleep: async () => undefined } }, {})).toEqual([]);
  expect([ran, engine.models.every(({ closed }) => closed)]).toEqual([["wasm", "cpu", "cpu"], true]);
});

test("what takes too long is left to the devices", async () => {
  let now = 0;
  const engine = fakeEngine({
    compute: async () => {
      now += LIMITS.firstInferenceMs / 2 + 1;
      return {};
    },
  });
  const notes = await tryWarmUp(BYTES, Array.from({ length: 9 }, () => RECORD), { s: DEF }, { engine, clock: { now: () => now, sleep: async () => undefined } }, {});
  expect(notes).toEqual(["2 of 9 warm-up records were tried here in 120 s; devices replay all of them before they answer."]);
});
