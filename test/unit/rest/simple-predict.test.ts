import { expect, test } from "vitest";
import { parseRequestBody, readSimplePredictInputs, writeSimplePredictAnswer } from "../../../protocol/rest/index.ts";
import { elements, float32, int32, refusal, signature, strings, text } from "./support.ts";

const read = (inputs: string, body: string) => readSimplePredictInputs(parseRequestBody(new TextEncoder().encode(body)), signature(inputs));

test.each([
  ["x:float", '{"input":[[1,2],[3,4]]}', "x [2,2] 1,2,3,4"],
  ["x:float", '{"input":{"x":5}}', "x [] 5"],
  ["x:float", '{"instances":[1,2]}', "x [2] 1,2"],
  ["a:int32,b:float", '{"input":{"b":[0.5],"a":[1]}}', "a [1] 1; b [1] 0.5"],
])("%s from %s", (inputs, body, expected) => {
  const shown = Object.entries(read(inputs, body)).map(([name, tensor]) => `${name} [${tensor.shape.join(",")}] ${elements(tensor)}`);
  expect(shown.join("; ")).toBe(expected);
});

test.each([
  ["{}", "400 Missing 'input' or 'instances' key"],
  ['{"inputs":[1]}', "400 Missing 'input' or 'instances' key"],
  ['{"input":"x"}', '400 JSON Value: "x" Type: String is not of expected type: float'],
  ['{"input":{"y":1}}', "400 Missing named input: x in 'input' object."],
])("%s is refused", (body, expected) => {
  expect(refusal(() => read("x:float", body))).toBe(expected);
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
