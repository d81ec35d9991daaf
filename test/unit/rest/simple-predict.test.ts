import { expect, test } from "vitest";
import { parseRequestBody, readSimplePredictInputs, writeSimplePredictAnswer } from "../../../protocol/rest/index.ts";
import { elements, float32, int32, refusal, signature, strings, text } from "./support.ts";

const read = (inputs: string, body: string, defaults: string[] = []) => readSimplePredictInputs(parseRequestBody(new TextEncoder().encode(body)), signature(inputs), new Set(defaults));
const shown = (tensors: ReturnType<typeof read>): string => Object.entries(tensors).map(([name, tensor]) => `${name} [${tensor.shape.join(",")}] ${elements(tensor)}`).join("; ");

test.each([
  ["x:float", '{"input":[[1,2],[3,4]]}', "x [2,2] 1,2,3,4"],
  ["x:float", '{"input":{"x":5}}', "x [] 5"],
  ["x:float", '{"instances":[1,2]}', "x [2] 1,2"],
  ["a:int32,b:float", '{"input":{"b":[0.5],"a":[1]}}', "a [1] 1; b [1] 0.5"],
])("%s from %s", (inputs, body, expected) => {
  expect(shown(read(inputs, body))).toBe(expected);
});

test.each([
  ["{}", "400 Missing 'input' or 'instances' key"],
  ['{"inputs":[1]}', "400 Missing 'input' or 'instances' key"],
  ['{"input":"x"}', '400 JSON Value: "x" Type: String is not of expected type: float'],
  ['{"input":{"y":1}}', "400 Missing named input: x in 'input' object."],
])("%s is refused", (body, expected) => {
  expect(refusal(() => read("x:float", body))).toBe(expected);
});

test.each([
  ['{"input":[1,2]}', ["b"], "a [2] 1,2"],
  ['{"input":{"a":[1]}}', ["b"], "a [1] 1"],
  ['{"input":{"a":[1],"b":[0.5]}}', ["b"], "a [1] 1; b [1] 0.5"],
  ['{"input":{}}', ["a", "b"], ""],
  ['{"input":{"b":1}}', ["a", "b"], "b [] 1"],
  ['{"instances":[1,2]}', ["b"], "a [2] 1,2"],
  ['{"instances":[{"a":1},{"a":2}]}', ["b"], "a [2] 1,2"],
  ['{"instances":[{"b":1,"a":1}]}', ["b"], "b [1] 1; a [1] 1"],
])("%s where %o may be left out", (body, defaults, expected) => {
  expect(shown(read("a:int32,b:float", body, defaults))).toBe(expected);
});

test.each([
  ['{"input":{"b":1}}', ["b"], "400 Missing named input: a in 'input' object."],
  ['{"input":[1]}', ["a", "b"], "400 input is a plain value/list, but expecting an object as multiple input tensors required as per tensorinfo_map"],
  ['{"instances":[{"a":1},{"a":1,"b":2}]}', ["b"], "400 Failed to process element: 1 key: b of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: b"],
])("%s where %o may be left out is refused", (body, defaults, expected) => {
  expect(refusal(() => read("a:int32,b:float", body, defaults))).toBe(expected);
});

test("an answer names its outputs, their shapes and dtypes, and carries nested lists", () => {
  const answer = writeSimplePredictAnswer({ scores: float32([1, 2], 0.1, 0.9), classes: int32([2], 3, 4), label: strings([], "é\"") });
  expect(JSON.parse(text(answer))).toEqual({
    outputs: [
      { name: "scores", shape: [1, 2], dtype: "float32", tensor: [[0.1, 0.9]] },
      { name: "classes", shape: [2], dtype: "int32", tensor: [3, 4] },
      { name: "label", shape: [], dtype: "string", tensor: 'é"' },
    ],
    status: [{ state: "AVAILABLE", code: "OK" }],
  });
});
