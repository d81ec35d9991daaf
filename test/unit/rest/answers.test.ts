import { describe, expect, test } from "vitest";
import type { NamedTensors } from "../../../protocol/tensor.ts";
import { writePredictAnswer } from "../../../protocol/rest/index.ts";
import { float32, int32, strings, text } from "./support.ts";

const rows = (outputs: NamedTensors) => text(writePredictAnswer(outputs, "row"));
const columns = (outputs: NamedTensors) => text(writePredictAnswer(outputs, "columnar"));

describe("the layout of answers, by section 6.3", () => {
  test("one output in rows", () => {
    expect(rows({ y: float32([3], 2.5, 3.5, 4.5) })).toBe('{\n    "predictions": [2.5, 3.5, 4.5\n    ]\n}');
    expect(rows({ y: int32([2, 2, 2], 0, 0, 1, 0, 0, 1, 1, 1) })).toBe('{\n    "predictions": [[[0, 0], [1, 0]], [[0, 1], [1, 1]]\n    ]\n}');
    expect(rows({ y: float32([0, 4]) })).toBe('{\n    "predictions": []\n}');
    expect(rows({ y: float32([2, 0]) })).toBe('{\n    "predictions": [[], []\n    ]\n}');
  });

  test("several outputs in rows", () => {
    expect(rows({ a: float32([2, 2], 1, 2, 3, 4), b: int32([2], 0, 1) })).toBe(
      [
        "{",
        '    "predictions": [',
        "        {",
        '            "a": [1.0, 2.0],',
        '            "b": 0',
        "        },",
        "        {",
        '            "a": [3.0, 4.0],',
        '            "b": 1',
        "        }",
        "    ]",
        "}",
      ].join("\n"),
    );
  });

  test("columns, one number a line", () => {
    expect(columns({ y: float32([2], 1, 2) })).toBe('{\n    "outputs": [\n        1.0,\n        2.0\n    ]\n}');
    expect(columns({ y: int32([], 7) })).toBe('{\n    "outputs": 7\n}');
    expect(columns({ y: int32([2, 1], 7, 8) })).toBe('{\n    "outputs": [\n        [\n            7\n        ],\n        [\n            8\n        ]\n    ]\n}');
    expect(columns({ y: int32([], 7), "z\"": int32([1], 8) })).toBe('{\n    "outputs": {\n        "y": 7,\n        "z\\"": [\n            8\n        ]\n    }\n}');
  });

  test("base64 objects take three lines wherever they stand", () => {
    expect(rows({ y_bytes: strings([2], "Hi", "") })).toBe(
      '{\n    "predictions": [{\n            "b64": "SGk="\n        }, {\n            "b64": ""\n        }\n    ]\n}',
    );
    expect(columns({ y_bytes: strings([1], "Hi") })).toBe('{\n    "outputs": [\n        {\n            "b64": "SGk="\n        }\n    ]\n}');
  });

  test("strings without that suffix are raw bytes, UTF-8 or not", () => {
    expect(rows({ y: strings([2], "a/é\n", "\u0001") })).toBe('{\n    "predictions": ["a/é\\n", "\\u0001"\n    ]\n}');
    expect([...writePredictAnswer({ y: strings([1], Uint8Array.of(0xff)) }, "row")]).toContain(0xff);
  });

  test("every number of a large answer is there, in order", () => {
    const data = Float32Array.from({ length: 5000 }, (_, index) => index / 8);
    const { predictions } = JSON.parse(rows({ y: { dtype: "float32", shape: [50, 100], data } })) as { predictions: number[][] };
    expect(predictions.flat()).toEqual([...data]);
  });

  test("a tensor that is part of a larger buffer", () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    expect(rows({ y: { dtype: "float32", shape: [2], data } })).toBe('{\n    "predictions": [1.0, 2.0\n    ]\n}');
  });
});
