import { describe, expect, test } from "vitest";
import { LIMITS } from "../../../protocol/limits.ts";
import type { SignatureDef } from "../../../protocol/manifest.ts";
import {
  checkClassifySignature,
  checkRegressSignature,
  parseRequestBody,
  readExamples,
  serializeExamples,
  writeClassifyAnswer,
  writeRegressAnswer,
  type Example,
} from "../../../protocol/rest/index.ts";
import { float32, int32, refusal, strings, text } from "./support.ts";

const read = (body: string) => readExamples(parseRequestBody(new TextEncoder().encode(body)));

function shown(example: Example | undefined): string {
  const features = [...(example ?? [])].map(([name, feature]) => {
    if (feature.kind === "none") return `${name} none`;
    const values: readonly unknown[] = feature.values;
    return `${name} ${feature.kind} ${values.map((value) => (value instanceof Uint8Array ? text(value) : String(value))).join(",")}`;
  });
  return features.join("; ");
}

describe("examples, by section 7", () => {
  test.each([
    ['{"a":1,"b":2.5,"c":"t"}', "a int64 1; b float 2.5; c bytes t"],
    ['{"a":[1,true,false]}', "a int64 1,1,0"],
    ['{"a":["x",{"b64":"SGk="}]}', "a bytes x,Hi"],
    ['{"a":[]}', "a none"],
    ['{"a":[NaN,-Infinity]}', "a float NaN,-Infinity"],
    ['{"a":[1,-9223372036854775808]}', "a int64 1,-9223372036854775808"],
    ['{"a":18446744073709551616}', "a float 18446744073709552000"],
    ['{"a":1,"a":2.5}', "a float 2.5"],
    ["{}", ""],
  ])("%s", (example, expected) => {
    expect(shown(read(`{"examples":[${example}]}`).examples[0])).toBe(expected);
    expect(shown(read(`{"context":${example},"examples":[{}]}`).context)).toBe(expected);
  });

  test.each([
    ['{"examples":[{"a":[1,2.0]}]}', "Unexpected element type in feature: a expecting type: int64"],
    ['{"examples":[{"a":[2.0,1]}]}', "Unexpected element type in feature: a expecting type: float"],
    ['{"examples":[{"a":["x",1]}]}', "Unexpected element type in feature: a expecting type: bytes"],
    ['{"examples":[{"a":{"v":1}}]}', "Feature: a has element with unexpected JSON type: Object"],
    ['{"examples":[{"a":null}]}', "Feature: a has element with unexpected JSON type: Null"],
    ['{"examples":[{"a":[[1]]}]}', "Feature: a has element with unexpected JSON type: Array"],
    ['{"examples":[{"a":18446744073709551615}]}', "Feature: a has uint64_t element. Only int64_t is supported."],
    ['{"examples":[{"a":{"b64":"_"}}]}', "Unable to base64 decode"],
    ['{"examples":[]}', 'JSON Value: {\n    "examples": []\n} \'examples\' value is an empty array'],
    ['{"examples":{}}', "JSON Value: {\n    \"examples\": {}\n} Expecting 'examples' value to be an list/array"],
    ['{"examples":[[{}]]}', "Example must be JSON object but got JSON Array"],
    ['{"examples":[1,2]}', "Example must be JSON object but got JSON Number"],
    ['{"context":[]}', "Example must be JSON object but got JSON Array"],
    ["{}", "JSON Value: {} When method is classify, key 'examples' is expected and was not found"],
    ['{"signature_name":1}', "JSON Value: {\n    \"signature_name\": 1\n} not formatted correctly. 'signature_name' key must be a string value."],
  ])("%s is refused", (body, message) => {
    expect(refusal(() => read(body))).toBe(`400 ${message}`);
  });

  // Field by field: tensorflow/core/example/example.proto and feature.proto in protobuf's wire format, floats and integers packed.
  test("more of them, or a longer context before each, than there is memory for", () => {
    const many = Array.from({ length: LIMITS.examplesPerRequest }, () => "{}").join();
    expect(() => read(`{"examples":[${many},{}]}`)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
    const wide = read(`{"context":{"a":"${"x".repeat(1025)}"},"examples":[${many}]}`);
    expect(() => serializeExamples(wide)).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  });

  test("serialized, with the context in front", () => {
    const { shape, data } = serializeExamples(read('{"context":{"c":"x"},"examples":[{"a":[1,-1]},{"b":1.5}]}'));
    const hex = (value: unknown) => Buffer.from(value as Uint8Array).toString("hex");
    const context = "0a0c0a0a0a016312050a030a0178";
    expect(shape).toEqual([2]);
    expect(Array.from<unknown>(data).map(hex)).toEqual([
      `${context}0a160a140a0161120f1a0d0a0b01ffffffffffffffffff01`,
      `${context}0a0f0a0d0a0162120812060a040000c03f`,
    ]);
  });
});

describe("results, by sections 6.3 and 7", () => {
  test("classify", () => {
    const outputs = { classes: strings([2, 2], "car", "", "a\"", "b"), scores: float32([2, 2], 0.2, 0.8, 1, 0) };
    expect(text(writeClassifyAnswer(outputs, 2))).toBe('{\n    "results": [[["car", 0.2], ["", 0.8]], [["a\\"", 1.0], ["b", 0.0]]\n    ]\n}');
    expect(text(writeClassifyAnswer({ scores: float32([1, 1], 0.5) }, 1))).toBe('{\n    "results": [[["", 0.5]]\n    ]\n}');
    expect(text(writeClassifyAnswer({ classes: strings([1, 1], "x") }, 1))).toBe('{\n    "results": [[["x", 0.0]]\n    ]\n}');
  });

  test("regress", () => {
    expect(text(writeRegressAnswer({ outputs: float32([2, 1], 3.5, 4) }, 2))).toBe('{\n    "results": [3.5, 4.0]\n}');
  });

  test.each([
    [() => writeClassifyAnswer({ scores: float32([1, 1], 1) }, 2), "Expected scores output batch size of 2. Got: 1"],
    [() => writeClassifyAnswer({ scores: float32([2], 1, 2) }, 2), "Expected Tensor shape: [batch_size num_classes] but got [2]"],
    [() => writeClassifyAnswer({ classes: int32([1, 1], 1) }, 1), "Expected classes Tensor of DT_STRING. Got: DT_INT32"],
    [() => writeClassifyAnswer({ classes: strings([1, 1], "x"), scores: float32([1, 2], 1, 2) }, 1), "Tensors class and score should match in dim_size(1). Got 1 vs. 2"],
    [() => writeRegressAnswer({ outputs: float32([1, 2], 1, 2) }, 1), "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [1,2]"],
    [() => writeRegressAnswer({ outputs: float32([1], 1) }, 2), "Input batch size did not match output batch size: 2 vs. 1"],
    [() => writeRegressAnswer({ outputs: int32([1], 1) }, 1), "Expected output Tensor of DT_FLOAT.  Got: DT_INT32"],
  ])("an answer that does not fit, %#", (write, message) => {
    expect(refusal(write)).toBe(`400 ${message}`);
  });

  const info = { name: "t:0", dtype: "float32", shape: null } as const;
  const signature = (inputs: readonly string[], outputs: readonly string[]): SignatureDef => ({
    methodName: "",
    inputs: Object.fromEntries(inputs.map((name) => [name, info])),
    outputs: Object.fromEntries(outputs.map((name) => [name, info])),
  });

  test.each([
    [checkClassifySignature, ["a", "b"], ["scores"], "400 Expected one input Tensor."],
    [checkClassifySignature, ["inputs"], ["a", "b", "c"], "400 Expected one or two output Tensors, found 3"],
    [checkClassifySignature, ["x"], ["scores"], "400 No classification inputs found in SignatureDef: its input is x"],
    [checkClassifySignature, ["inputs"], ["scores", "other"], "nothing was thrown"],
    [checkRegressSignature, ["inputs"], ["a", "b"], "400 Expected one output Tensor."],
    [checkRegressSignature, ["inputs"], ["y"], "400 No regression outputs found in SignatureDef: its output is y"],
    [checkRegressSignature, ["inputs"], ["outputs"], "nothing was thrown"],
  ] as const)("a signature def that does not fit, %#", (check, inputs, outputs, expected) => {
    expect(refusal(() => check(signature(inputs, outputs)))).toBe(expected);
  });
});
