import { expect, test } from "vitest";
import { AshoreError } from "../../protocol/errors.ts";
import { readPredictionLog } from "../../sync-server/import/warmup/prediction-log.ts";
import { tfRecords } from "../../sync-server/import/warmup/tf-records.ts";
import { warmUpBodies } from "../../sync-server/import/warmup/warm-up-json.ts";
import { predictionLog, tfRecordFile } from "../support/warm-up-file.ts";
import { mutateBytes } from "./mutate.ts";
import { rounds } from "./random.ts";

/** Warm-up files with faults in them: read as something, or refused by type; a checksum lets no changed record through. */
const example = { features: { feature: { a: { float_list: { value: [0.5, 1] } }, b: {} } } };
const spec = { name: "m", signature_name: "s" };
const LOGS = [
  { predict_log: { request: { model_spec: spec, inputs: { x: { dtype: 1, tensor_shape: { dim: [{ size: 2 }, { size: 1 }] }, float_val: [1.5] }, s: { dtype: 7, tensor_shape: { dim: [{ size: 2 }] }, string_val: ["a", "b"].map((text) => Buffer.from(text)) } }, output_filter: ["y"] } } },
  { predict_log: { request: { inputs: { x: { dtype: 3, tensor_shape: { dim: [{ size: 2 }] }, tensor_content: new Uint8Array(8) } } } } },
  { classify_log: { request: { model_spec: spec, input: { example_list: { examples: [example, {}] } } } } },
  { regress_log: { request: { model_spec: spec, input: { example_list_with_context: { examples: [example], context: example } } } } },
  { multi_inference_log: { request: { tasks: [{ model_spec: spec, method_name: "tensorflow/serving/classify" }], input: { example_list: { examples: [example] } } } } },
].map(predictionLog);
const REFUSALS = /^(MODEL_MALFORMED|UNIMPLEMENTED|LIMIT_EXCEEDED)$/;

function refusal(read: () => void): boolean {
  try {
    read();
    return false;
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AshoreError);
    expect((thrown as AshoreError).code).toMatch(REFUSALS);
    return true;
  }
}

test("a prediction log", async () => {
  let refused = 0;
  await rounds(4000, 41, (random) => {
    if (refusal(() => readPredictionLog(mutateBytes(random.of(LOGS), random), "the record"))) refused += 1;
  });
  expect(refused).toBeGreaterThan(400);
});

test("a TFRecord file", async () => {
  const file = tfRecordFile(LOGS);
  const known = new Set(LOGS.map((log) => Buffer.from(log).toString("hex")));
  await rounds(1000, 42, (random) => {
    const changed = mutateBytes(file, random);
    refusal(() => {
      for (const record of tfRecords(changed, "the file")) expect(known).toContain(Buffer.from(record).toString("hex"));
    });
  });
});

test("JSON", async () => {
  const file = new TextEncoder().encode('{"warmup":[{"instances":[1,2,{"b64":"aGk="}]},{"signature_name":"s","examples":[{"a":1.5}]}]}');
  await rounds(1000, 43, (random) => void refusal(() => warmUpBodies(mutateBytes(file, random), "the file")));
});
