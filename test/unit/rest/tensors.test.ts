import { describe, expect, test } from "vitest";
import { decodeBase64, encodeBase64 } from "../../../protocol/rest/base64.ts";
import { parseRequestBody, readPredictInputs } from "../../../protocol/rest/index.ts";
import { decode, decodeOne, elements, refusal, signature, text } from "./support.ts";

const encoder = new TextEncoder();

describe("what a dtype takes, by section 5", () => {
  test.each([
    ["float", "true", 'True'],
    ["float", '"NaN"', "String"],
    ["float", "null", "Null"],
    ["float", '{"b64": "SGk="}', "Object"],
    ["int32", "false", "False"],
    ["bool", "1", "Number"],
    ["bool", '"true"', "String"],
    ["string", "7", "Number"],
    ["string", "true", "True"],
  ])("%s refuses %s", (dtype, value, type) => {
    const shown = value.startsWith("{") ? '{\n    "b64": "SGk="\n}' : value;
    expect(refusal(() => decode(`x:${dtype}`, `{"inputs":${value}}`))).toBe(`400 JSON Value: ${shown} Type: ${type} is not of expected type: ${dtype}`);
  });

  test.each(["uint16", "half", "bfloat16", "complex64", "complex128"])("%s takes nothing, but may be empty", (dtype) => {
    expect(refusal(() => decode(`x:${dtype}`, '{"inputs":[1]}'))).toBe(`501 Conversion of JSON Value: 1 to type: ${dtype}`);
    expect(decode(`x:${dtype}`, '{"inputs":[[],[]]}').tensors["x"]?.shape).toEqual([2, 0]);
  });

  test("narrow integers wrap as TensorFlow makes them, once they are tensors", () => {
    const read = (dtype: string, body: string) => readPredictInputs(parseRequestBody(encoder.encode(body)), signature(`x:${dtype}`)).tensors["x"];
    expect(read("uint8", '{"inputs":[255,256,-1]}')).toEqual({ dtype: "uint8", shape: [3], data: Uint8Array.of(255, 0, 255) });
    expect(read("int8", '{"instances":[[200],[-129]]}')).toEqual({ dtype: "int8", shape: [2, 1], data: Int8Array.of(-56, 127) });
    expect(read("int16", '{"inputs":40000}')).toEqual({ dtype: "int16", shape: [], data: Int16Array.of(-25536) });
    expect(read("int32", '{"inputs":40000}')).toEqual({ dtype: "int32", shape: [], data: Int32Array.of(40000) });
  });

  test("a tensor has at most 254 dimensions", () => {
    const body = (rank: number) => parseRequestBody(encoder.encode(`{"inputs":${"[".repeat(rank)}1${"]".repeat(rank)}}`));
    expect(readPredictInputs(body(254), signature("x:float")).tensors["x"]?.shape).toHaveLength(254);
    expect(refusal(() => readPredictInputs(body(255), signature("x:float")))).toBe("400 tensor parsing error: x");
  });

  test("a large tensor keeps every element in its place", () => {
    const shape = [3, 50, 40, 2];
    const nest = (level: number, at: number): string =>
      level === shape.length ? String(at) : `[${Array.from({ length: shape[level] ?? 0 }, (_, i) => nest(level + 1, at * (shape[level] ?? 0) + i)).join(",")}]`;
    const { tensors } = decode("x:float", `{"instances":${nest(0, 0)}}`);
    expect(tensors["x"]).toEqual({ dtype: "float32", shape, data: Float32Array.from({ length: 12_000 }, (_, i) => i) });
  });
});

describe("base64, by section 5", () => {
  test.each([
    ["SGk=", "Hi"],
    ["SGk", "Hi"],
    ["S G\nk\t=", "Hi"],
    ["", ""],
    ["YWJj", "abc"],
    ["YWJjZA==", "abcd"],
    ["YWJjZA", "abcd"],
    ["+/8=", "\ufffd\ufffd"],
  ])("%j is %j", (encoded, decoded) => {
    expect(text(decodeBase64(encoder.encode(encoded)) ?? encoder.encode("refused"))).toBe(decoded);
  });

  test.each(["_-8=", "SGk==", "YWJjZA=", "S", "SGk=x", "SGk*", "SG=k", "=", "SGkééé"])("%j is refused", (encoded) => {
    expect(decodeBase64(encoder.encode(encoded))).toBeUndefined();
    expect(refusal(() => decode("s:string", `{"inputs":{"b64":${JSON.stringify(encoded)}}}`))).toBe("400 Unable to base64 decode");
  });

  test("any bytes come back", () => {
    for (let length = 0; length < 20; length++) {
      const bytes = Uint8Array.from({ length }, (_, index) => index * 37);
      expect(text(encodeBase64(bytes))).toBe(Buffer.from(bytes).toString("base64"));
      expect(decodeBase64(encodeBase64(bytes))).toEqual(bytes);
    }
  });

  test.each(['{"b64":1}', '{"B64":"SGk="}', '{"b64":"SGk=","b64":"SGk="}', "{}"])("%s is no base64 object", (value) => {
    expect(refusal(() => decode("s:string", `{"inputs":[${value}]}`))).toMatch(/^400 JSON Value: \{[^]*\} not formatted correctly for base64 data$/);
  });
});

describe("rows and columns, by sections 5.1 to 5.3", () => {
  test("inputs whose names every object has", () => {
    const inputs = JSON.parse('{"__proto__": {"dtype": "float32"}, "toString": {"dtype": "float32"}}') as ReturnType<typeof signature>;
    const body = '{"instances":[{"__proto__":1,"toString":2},{"toString":4,"__proto__":3}]}';
    const { tensors } = readPredictInputs(parseRequestBody(encoder.encode(body)), inputs);
    expect(Object.entries(tensors).map(([name, tensor]) => `${name} ${elements(tensor)}`)).toEqual(["__proto__ 1,3", "toString 2,4"]);
    expect(refusal(() => decode("x:float", '{"instances":[{"toString":1}]}'))).toContain("does not have named input: toString");
  });

  test("a key said twice in an instance adds values that TensorFlow then leaves out", () => {
    expect(elements(decodeOne("x:float", '{"instances":[{"x":1,"x":2},{"x":3}]}'))).toBe("1,2");
  });

  test("columns may differ in their first dimension", () => {
    const { tensors } = decode("a:float,b:string", '{"inputs":{"b":["x"],"a":[1,2,3]}}');
    expect([tensors["a"]?.shape, tensors["b"]?.shape]).toEqual([[3], [1]]);
  });

  test("the first of two columns of a name counts", () => {
    expect(decode("a:float,b:float", '{"inputs":{"a":1,"a":"x","b":2}}').tensors["a"]?.data).toEqual(Float32Array.of(1));
  });

  test("a signature without inputs", () => {
    const body = (json: string) => parseRequestBody(encoder.encode(json));
    expect(refusal(() => readPredictInputs(body("{}"), {}))).toBe("400 Failed to get input map for signature: DEFAULT");
    expect(refusal(() => readPredictInputs(body('{"signature_name":"s"}'), {}))).toBe("400 Failed to get input map for signature: s");
  });

  test("a syntax error after the tensors, and a signature name after them, are seen before any model", () => {
    expect(refusal(() => parseRequestBody(encoder.encode('{"instances":[[1,2],[3,4]] "x"}')))).toContain("offset: 27");
    expect(parseRequestBody(encoder.encode('{"instances":[1],"signature_name":"caf\\u00e9"}')).signatureName).toBe("café");
  });
});
