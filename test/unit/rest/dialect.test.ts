import { expect, test } from "vitest";
import type { Tensor } from "../../../protocol/tensor.ts";
import { parseRequestBody, readPredictInputs, writeClassifyAnswer, writeErrorBody, writePredictAnswer, writeRegressAnswer, type RestDialect } from "../../../protocol/rest/index.ts";
import { createEchoService } from "../../conformance/rest/echo-service.ts";
import { float32, refusal, signature, strings, text } from "./support.ts";

/** The options that leave TensorFlow Serving behind. */

const STRICT: RestDialect = { strictJson: true };
const EXTENDED: RestDialect = { extendedDtypes: true };
const NOT_UTF8 = Uint8Array.of(0xff, 0x00);

const half = (dtype: "float16" | "bfloat16" | "uint16", ...bits: number[]): Tensor => ({ dtype, shape: [bits.length], data: Uint16Array.from(bits) });

function taken(inputs: string, body: string): Tensor | undefined {
  return readPredictInputs(parseRequestBody(new TextEncoder().encode(body)), signature(inputs), EXTENDED).tensors["x"];
}

test("what is no number is a string in strict JSON, and any other number is as it was", () => {
  const y = float32([4], Number.NaN, 0.1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
  expect(JSON.parse(text(writePredictAnswer({ y }, "row", STRICT)))).toEqual({ predictions: ["NaN", 0.1, "Infinity", "-Infinity"] });
  const doubles: Tensor = { dtype: "float64", shape: [2], data: Float64Array.of(Number.NaN, 0.1) };
  expect(JSON.parse(text(writePredictAnswer({ y: doubles }, "columnar", STRICT)))).toEqual({ outputs: ["NaN", 0.1] });
  const finite = float32([3], 0.1, 1e6, -0);
  expect(writePredictAnswer({ y: finite }, "row", STRICT)).toEqual(writePredictAnswer({ y: finite }, "row"));
  expect(JSON.parse(text(writeRegressAnswer({ outputs: float32([1], Number.NaN) }, 1, STRICT)))).toEqual({ results: ["NaN"] });
});

test("strings that are not UTF-8 are base64 in strict JSON, others stay strings", () => {
  const y = strings([2], "é", NOT_UTF8);
  expect(JSON.parse(text(writePredictAnswer({ y }, "row", STRICT)))).toEqual({ predictions: ["é", { b64: "/wA=" }] });
  const classes = strings([1, 2], NOT_UTF8, "car");
  const scores = float32([1, 2], Number.NaN, 1);
  expect(JSON.parse(text(writeClassifyAnswer({ classes, scores }, 1, STRICT)))).toEqual({ results: [[[{ b64: "/wA=" }, "NaN"], ["car", 1]]] });
});

test("a message's bytes that are not UTF-8 are U+FFFD in strict JSON", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  expect(() => decoder.decode(writeErrorBody("\udcff"))).toThrow(TypeError);
  expect(decoder.decode(writeErrorBody("\udcff", STRICT))).toBe('{\n    "error": "\ufffd"\n}');
});

test("half, bfloat16 and uint16 are read: to the nearest, ties to even, integers modulo 2^16", () => {
  expect(taken("x:half", '{"instances":[1.5,-0.0,65504,65520,1e-8,6e-8,2049,2051,NaN,-Infinity]}')).toEqual(half("float16", 0x3e00, 0x8000, 0x7bff, 0x7c00, 0, 1, 0x6800, 0x6802, 0x7e00, 0xfc00));
  expect(taken("x:bfloat16", '{"inputs":[1,3.140625,257,1e39]}')).toEqual(half("bfloat16", 0x3f80, 0x4049, 0x4380, 0x7f80));
  expect(taken("x:uint16", '{"instances":[{"x":65535},{"x":65536},{"x":-1}]}')).toEqual(half("uint16", 65535, 0, 65535));
  expect(refusal(() => taken("x:half", '{"inputs":[true]}'))).toBe("400 JSON Value: true Type: True is not of expected type: half");
  expect(refusal(() => taken("x:uint16", '{"inputs":[1.0]}'))).toBe("400 JSON Value: 1.0 Type: Number is not of expected type: uint16");
  expect(refusal(() => taken("x:complex64", '{"inputs":[1]}'))).toBe("501 Conversion of JSON Value: 1 to type: complex64");
});

test("and printed with six digits, which every one of them reads back from", () => {
  const outputs = { a: half("float16", 0x2e66, 0x3c00, 0x7bff, 0x0001, 0x8000, 0x7c00), b: half("bfloat16", 0x3dcd, 0x7f7f, 0x4049), c: half("uint16", 0, 65535) };
  expect(text(writePredictAnswer(outputs, "columnar", EXTENDED)).replace(/\s/g, "")).toBe(
    '{"outputs":{"a":[0.0999756,1.0,65504.0,5.96046e-08,-0.0,Infinity],"b":[0.100098,3.38953e+38,3.14062],"c":[0,65535]}}',
  );
  for (let bits = 0; bits < 0x7c00; bits++) {
    const printed = text(writePredictAnswer({ y: { dtype: "float16", shape: [], data: Uint16Array.of(bits) } }, "columnar", EXTENDED)).slice("{\n    \"outputs\": ".length, -2);
    const body = `{"inputs":${printed}}`;
    if (taken("x:half", body)?.data[0] !== bits) throw new Error(`the half ${bits} is printed as ${printed}, which is another`);
  }
});

test("over the handler: no refusal without a body, and what was refused is taken", async () => {
  const core = await createEchoService({ strictJson: true, extendedDtypes: true });
  const ask = async (method: string, target: string, body = ""): Promise<[number, string | undefined, unknown]> => {
    const answer = await core.handle({ method, target, body: () => new TextEncoder().encode(body) });
    const said = typeof answer.body === "string" ? answer.body : text(answer.body);
    return [answer.status, answer.headers["content-type"], said === "" ? "" : JSON.parse(said)];
  };
  expect(await ask("GET", "/v1/models/m/versions/99999999999999999999")).toEqual([400, "application/json", { error: "Failed to convert version: 99999999999999999999 to numeric." }]);
  expect(await ask("OPTIONS", "/v1/models/m")).toEqual([400, "application/json", { error: "Origin header is missing in CORS preflight" }]);
  expect(await ask("POST", "/v1/models/m:predict", '{"instances":[NaN,1]}')).toEqual([200, "application/json", { predictions: ["NaN", 1] }]);
  core.close();
});
