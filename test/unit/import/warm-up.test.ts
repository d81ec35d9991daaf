import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import type { SignatureDef, TensorInfo, WarmUpRecord } from "../../../protocol/manifest.ts";
import { warmUpInputs } from "../../../protocol/warmup.ts";
import { importModel } from "../../../sync-server/import/index.ts";
import { openSourceFolder } from "../../../sync-server/import/source-folder.ts";
import { readWarmUp } from "../../../sync-server/import/warmup/read-warm-up.ts";
import { writeLinearModel } from "../../support/make-model.ts";
import { tfExample } from "../../support/tf-example.ts";
import { predictionLog, tfRecordFile } from "../../support/warm-up-file.ts";

const info = (dtype: TensorInfo["dtype"], shape: number[] | null = [-1]): TensorInfo => ({ name: "t:0", dtype, shape });
const DEFS: Record<string, SignatureDef> = {
  serving_default: { methodName: "", inputs: { x: info("float32", [-1, 2]), n: info("int64", []) }, outputs: { y: info("float32") }, defaults: { n: { shape: [], values: ["1"] } } },
  any: { methodName: "", inputs: { x: info("float32", null) }, outputs: { y: info("float32") } },
  bytes: { methodName: "", inputs: { x: info("uint8") }, outputs: { y: info("float32") } },
  text: { methodName: "", inputs: { x: info("string") }, outputs: { y: info("float32") } },
  halves: { methodName: "", inputs: { x: info("float16") }, outputs: { y: info("float32") } },
  big: { methodName: "", inputs: { x: info("int64") }, outputs: { y: info("float32") } },
  classify: { methodName: "", inputs: { inputs: info("string") }, outputs: { scores: info("float32", [-1, 1]) }, examples: { features: [{ key: "a", tensor: "a:0", dtype: "float32", shape: [] }] } },
  regress: { methodName: "", inputs: { inputs: info("string") }, outputs: { outputs: info("float32") }, examples: { features: [{ key: "a", tensor: "a:0", dtype: "float32", shape: [], default: { shape: [], values: [0] } }] } },
};

let root = "";
let folders = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "ashore-warm-up-"));
});
afterAll(() => rm(root, { recursive: true }));

async function folder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const path = join(root, String(++folders));
  await mkdir(path);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(path, name)), { recursive: true });
    await writeFile(join(path, name), content);
  }
  return path;
}

const TF_FILE = "assets.extra/tf_serving_warmup_requests";
const JSON_FILE = "assets.extra/warmup.json";
const UNSERVED = { lacking: "It lacks an op." };
const readAll = async (files: Readonly<Record<string, string | Uint8Array>>) => readWarmUp(openSourceFolder(await folder(files)), { signatureDefs: DEFS, unserved: UNSERVED });
const read = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<readonly WarmUpRecord[]> => (await readAll(files)).warmup;
const readLogs = (...logs: object[]): Promise<readonly WarmUpRecord[]> => read({ [TF_FILE]: tfRecordFile(logs.map(predictionLog)) });
/** What a device would feed. */
const shown = (records: readonly WarmUpRecord[]): string[] =>
  records.map((record) => {
    const def = DEFS[record.signatureDef];
    const inputs = def === undefined ? {} : warmUpInputs(record, def);
    return `${record.signatureDef}: ${Object.entries(inputs).map(([key, { dtype, shape, data }]) => `${key} ${dtype} [${shape.join()}] ${Array.from<unknown, string>(data, (one) => (one instanceof Uint8Array ? Buffer.from(one).toString("latin1") : String(one))).join()}`).join("; ")}`;
  });

const shape = (...sizes: number[]): object => ({ dim: sizes.map((size) => ({ size })) });
const predictLog = (inputs: object, signature_name = "", more: object = {}): object => ({ predict_log: { request: { model_spec: { name: "whatever", version: { value: 7 }, signature_name }, inputs, ...more }, response: { outputs: { y: { dtype: 1, float_val: [1] } } } } });
const float = (sizes: number[], ...float_val: number[]): object => ({ dtype: 1, tensor_shape: shape(...sizes), float_val });

describe("a TFRecord of PredictionLogs", () => {
  test("predict logs, their tensors in every form", async () => {
    const records = await readLogs(
      predictLog({ x: float([1, 2], 1.5, 2.5) }),
      predictLog({ x: float([2, 2], 7), n: { dtype: 9, int64_val: [3] } }, "serving_default", { output_filter: ["y"] }),
      predictLog({ x: { dtype: 1, tensor_shape: shape(2), tensor_content: new Uint8Array(Float32Array.of(-0, NaN).buffer) } }, "any"),
      predictLog({ x: { dtype: 1, tensor_shape: shape(2) } }, "any"),
      predictLog({ x: { dtype: 4, tensor_shape: shape(3), int_val: [0, 255, 7] } }, "bytes"),
      predictLog({ x: { dtype: 7, tensor_shape: shape(2), string_val: [Buffer.from("é", "latin1"), Buffer.from("b")] } }, "text"),
      predictLog({ x: { dtype: 19, tensor_shape: shape(1), half_val: [0x3c00] } }, "halves"),
    );
    expect(shown(records)).toEqual([
      "serving_default: x float32 [1,2] 1.5,2.5",
      "serving_default: x float32 [2,2] 7,7,7,7; n int64 [] 3",
      "any: x float32 [2] 0,NaN",
      "any: x float32 [2] 0,0",
      "bytes: x uint8 [3] 0,255,7",
      "text: x string [2] é,b",
      "halves: x float16 [1] 15360",
    ]);
    expect(records[2]?.inputs["x"]?.values).toEqual(["-0", "NaN"]);
  });

  test("classify, regress and multi-inference logs, with their examples as they were written, the context in front", async () => {
    const example = { features: { feature: { a: { float_list: { value: [0.5] } } } } };
    const serialized = Buffer.from(tfExample({ a: [0.5] })).toString("latin1");
    const input = { example_list: { examples: [example, example] } };
    const records = await readLogs(
      { classify_log: { request: { model_spec: { signature_name: "classify" }, input } } },
      { regress_log: { request: { model_spec: { signature_name: "regress" }, input: { example_list_with_context: { examples: [{}], context: example } } } } },
      { multi_inference_log: { request: { tasks: [{ model_spec: { signature_name: "classify" }, method_name: "tensorflow/serving/classify" }, { model_spec: { signature_name: "regress" }, method_name: "tensorflow/serving/regress" }], input } } },
    );
    expect(shown(records)).toEqual([
      `classify: inputs string [2] ${serialized},${serialized}`,
      `regress: inputs string [1] ${serialized}`,
      `classify: inputs string [2] ${serialized},${serialized}`,
      `regress: inputs string [2] ${serialized},${serialized}`,
    ]);
  });

  const ok = predictLog({ x: float([1, 2], 1, 2) });
  const input = { example_list: { examples: [{ features: { feature: { b: { float_list: { value: [1] } } } } }] } };
  test.each<[string, object, string, string]>([
    ["another signature def", predictLog({ x: float([1, 2], 1) }, "other"), "MODEL_MALFORMED", "Its signature def other is none of the model's: serving_default, "],
    ["an input too many", predictLog({ x: float([1, 2], 1), z: float([], 1) }), "MODEL_MALFORMED", "It has the input z, and the inputs of serving_default are x, n."],
    ["an input that lacks", predictLog({ n: { dtype: 9, int64_val: [3] } }), "MODEL_MALFORMED", "It lacks the input x of serving_default."],
    ["another dtype", predictLog({ x: { dtype: 2, tensor_shape: shape(1, 2), double_val: [1] } }), "MODEL_MALFORMED", "Its input x is float64 where the signature def says float32."],
    ["another shape", predictLog({ x: float([1, 3], 1) }), "MODEL_MALFORMED", "Its input x has the shape [1,3] where the signature def says [-1,2]."],
    ["an integer too large", predictLog({ x: { dtype: 9, tensor_shape: shape(1), int64_val: [2 ** 31] } }, "big"), "MODEL_MALFORMED", "Its input x holds 2147483648, which does not fit the 32 bits"],
    ["another output", predictLog({ x: float([1, 2], 1) }, "", { output_filter: ["z"] }), "MODEL_MALFORMED", "It asks for the output z of serving_default, whose outputs are y."],
    ["a signature def that cannot classify", { classify_log: { request: { input } } }, "MODEL_MALFORMED", "Expected one input Tensor."],
    ["an example that lacks a feature", { classify_log: { request: { model_spec: { signature_name: "classify" }, input } } }, "MODEL_MALFORMED", "Feature: a (data type: float) is required but could not be found."],
    ["no examples", { regress_log: { request: { model_spec: { signature_name: "regress" }, input: { example_list: {} } } } }, "MODEL_MALFORMED", "Input is empty."],
    ["a task with another method", { multi_inference_log: { request: { tasks: [{ method_name: "tensorflow/serving/predict" }], input } } }, "MODEL_MALFORMED", "Unsupported signature method_name: tensorflow/serving/predict"],
    ["a session's run", { session_run_log: { request: new Uint8Array() } }, "UNIMPLEMENTED", "A session_run_log cannot be replayed"],
    ["no log", {}, "MODEL_MALFORMED", "It holds no log of a request."],
  ])("%s is refused, and the record named", async (_, log, code, message) => {
    const refused = await readLogs(ok, log).catch((thrown: unknown) => thrown);
    expect(refused).toMatchObject({ code });
    expect(String(refused)).toMatch(/Warm-up record 2 of assets\.extra\/tf_serving_warmup_requests in /);
    expect(String(refused)).toContain(message);
  });

  const file = tfRecordFile([predictionLog(ok), predictionLog(ok)]);
  const flipped = (at: number): Uint8Array => file.map((byte, place) => (place === at ? byte ^ 1 : byte));
  test.each<[string, Uint8Array, RegExp]>([
    ["a length changed", flipped(0), /record 1, at byte 0, has a length with a wrong checksum/],
    ["a byte changed", flipped(file.length / 2 + 20), /record 2, at byte \d+, has data with a wrong checksum/],
    ["cut short in a record", file.subarray(0, -6), /record 2, at byte \d+, is cut short/],
    ["cut short in a length", file.subarray(0, file.length / 2 + 5), /record 2, at byte \d+, is cut short/],
    ["no protobuf in it", tfRecordFile([Uint8Array.of(0xff, 0xff)]), /Warm-up record 1 of .* is damaged or no protobuf/],
  ])("%s", async (_, bytes, message) => {
    await expect(read({ [TF_FILE]: bytes })).rejects.toThrow(expect.objectContaining({ code: "MODEL_MALFORMED", message: expect.stringMatching(message) as string }));
  });

  test("more records than TensorFlow Serving takes", async () => {
    const log = predictionLog(ok);
    const full = Array.from({ length: LIMITS.warmUpRecords }, () => log);
    expect(await read({ [TF_FILE]: tfRecordFile(full) })).toHaveLength(LIMITS.warmUpRecords);
    await expect(read({ [TF_FILE]: tfRecordFile(full), [JSON_FILE]: '{"warmup":[{"inputs":1}]}' })).rejects.toThrow("Number of warmup records exceeds the maximum (1000) at assets.extra/warmup.json");
  });
});

describe("warm-up in JSON", () => {
  test("bodies as the REST API takes them, after those of the other file", async () => {
    const json = '{"about":"x","warmup":[{"inputs":{"x":[[1,NaN]],"n":9}}, {"signature_name":"any","instances":[1.5,2]},{"signature_name":"classify","examples":[{"a":0.5}]},\n{"signature_name":"regress","context":{"a":0.5},"examples":[{}]}]}';
    const serialized = Buffer.from(tfExample({ a: [0.5] })).toString("latin1");
    const records = await read({ [TF_FILE]: tfRecordFile([predictionLog(predictLog({ x: float([1, 2], 3) }))]), [JSON_FILE]: json });
    expect(shown(records).slice(0, 4)).toEqual([
      "serving_default: x float32 [1,2] 3,3",
      "serving_default: x float32 [1,2] 1,NaN; n int64 [] 9",
      "any: x float32 [2] 1.5,2",
      `classify: inputs string [1] ${serialized}`,
    ]);
    expect(records).toHaveLength(5);
  });

  test.each<[string, string, RegExp]>([
    ["no JSON", "{", /assets\.extra\/warmup\.json in .* is not JSON\. JSON Parse error: Missing a name for object member\. at offset: 1/],
    ["no list", '{"warmup":{}}', /is not \{"warmup": \[ … \]\}/],
    ["another document", "[1]", /is not \{"warmup": \[ … \]\}/],
    ["no body", '{"warmup":[{"inputs":{"x":[[1,2]],"n":1}},7]}', /Warm-up record 2 of assets\.extra\/warmup\.json in .* JSON Value: 7 Is not object/],
    ["another signature def", '{"warmup":[{"signature_name":"other","inputs":1}]}', /Warm-up record 1 of .* Its signature def other is none of the model's/],
    ["a body that lacks an input", '{"warmup":[{"inputs":{"n":1}}]}', /Warm-up record 1 of .* Missing named input: x in 'inputs' object\./],
    ["text for a number", '{"warmup":[{"signature_name":"any","inputs":["a"]}]}', /Warm-up record 1 of .* JSON Value: "a" Type: String is not of expected type: float/],
  ])("%s is refused", async (_, json, message) => {
    await expect(read({ [JSON_FILE]: json })).rejects.toThrow(expect.objectContaining({ code: "MODEL_MALFORMED", message: expect.stringMatching(message) as string }));
  });
});

test("requests of a signature def that is not served are passed over, and the publisher hears of it", async () => {
  const logs = [predictLog({ z: float([1], 1) }, "lacking"), predictLog({ x: float([1, 2], 3) }), predictLog({}, "lacking")];
  const { warmup, notes } = await readAll({ [TF_FILE]: tfRecordFile(logs.map(predictionLog)), [JSON_FILE]: '{"warmup":[{"signature_name":"lacking","inputs":1}]}' });
  expect(shown(warmup)).toEqual(["serving_default: x float32 [1,2] 3,3"]);
  expect(notes).toEqual(["Warm-up records of the signature def lacking, which is not served, are passed over: 3."]);
});

describe("an import", () => {
  test("carries the records, and is another source with other records", async () => {
    const path = await folder({});
    await writeLinearModel(path, 2, 1);
    const without = await importModel(path);
    expect(without.warmup).toEqual([]);
    await mkdir(join(path, "assets.extra"));
    await writeFile(join(path, JSON_FILE), '{"warmup":[{"instances":[1,2]}]}');
    const imported = await importModel(path);
    expect(imported.warmup).toEqual([{ signatureDef: "serving_default", inputs: { x: { shape: [2], values: [1, 2] } } }]);
    expect(imported.sourceDigest).not.toBe(without.sourceDigest);
    await writeFile(join(path, JSON_FILE), '{"warmup":[{"instances":["1"]}]}');
    await expect(importModel(path)).rejects.toThrow("Warm-up record 1 of assets.extra/warmup.json");
  });
});
