import { expect, test } from "vitest";
import { parseRequestBody, readExamples, serializeExamples, writeErrorBody, writeModelStatus } from "../../../protocol/rest/index.ts";
import { rawBytes, rawText } from "../../../protocol/rest/raw-text.ts";
import { version } from "../../../protocol/names.ts";
import { decode, decodeOne, refusal, text } from "./support.ts";

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => Uint8Array.from(values);
const quoted = (...values: number[]): Uint8Array => bytes(...Buffer.from('{"instances":"'), ...values, ...Buffer.from('"}'));

test.each([
  ["plain text", [...Buffer.from("é💥\ufeff\u0000")], "é💥\ufeff\u0000"],
  ["a byte of its own", [0xff, 0x61, 0x80], "\udcffa\udc80"],
  ["overlong", [0xc0, 0xaf, 0xe0, 0x9f, 0xbf, 0xf0, 0x8f, 0xbf, 0xbf], "\udcc0\udcaf\udce0\udc9f\udcbf\udcf0\udc8f\udcbf\udcbf"],
  ["a surrogate in three bytes", [0xed, 0xb0, 0x80], "\udced\udcb0\udc80"],
  ["beyond U+10FFFF", [0xf4, 0x90, 0x80, 0x80, 0xf5], "\udcf4\udc90\udc80\udc80\udcf5"],
  ["cut short", [0xc3, 0xa9, 0xe2, 0x82], "é\udce2\udc82"],
])("bytes go through text unchanged: %s", (_, raw, shown) => {
  expect(rawText(bytes(...raw))).toBe(shown);
  expect([...rawBytes(shown)]).toEqual(raw);
});

test("any bytes at all", () => {
  for (let lead = 0; lead < 256; lead++) {
    for (let second = 0; second < 256; second++) {
      const raw = [lead, second, 0x80, 0xbf, 0x41];
      expect([...rawBytes(rawText(bytes(...raw)))]).toEqual(raw);
    }
  }
});

test("a megabyte that is not UTF-8, between characters of every length", () => {
  const pattern = [0xff, 0x41, 0xc3, 0xa9, 0xfe, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x92, 0xa5, 0x80, 0xf0, 0x9f];
  const raw = Uint8Array.from({ length: 1_000_005 }, (_, at) => pattern[at % pattern.length] ?? 0);
  const shown = rawText(raw);
  expect(shown.slice(0, 9)).toBe("\udcffAé\udcfe€💥\udc80\udcf0");
  expect(Buffer.compare(rawBytes(shown), raw)).toBe(0);
  expect(Buffer.compare(rawBytes(rawText(new Uint8Array(3_000_000).fill(0xff))), new Uint8Array(3_000_000).fill(0xff))).toBe(0);
});

test("a message repeats bytes that are not UTF-8 as they came", () => {
  const refused = refusal(() => decode("x:float", quoted(0xff, 0x22, 0x2c, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xe2, 0x82)));
  const body = writeErrorBody(refused);
  expect(body.includes(0xff)).toBe(true);
  expect(text(body)).toContain('\\"instances\\": \\"\ufffd\\"');
});

test("a lone low surrogate, which RapidJSON writes in three bytes, comes back in three", () => {
  const body = writeErrorBody(refusal(() => decode("x:float", '{"instances":"\\udc00"}')));
  expect(Buffer.from(body).includes(Buffer.from([0xed, 0xb0, 0x80]))).toBe(true);
});

test("names end at their first NUL", () => {
  expect([...(decodeOne("x:int32", '{"instances":[{"x\\u0000y":7}]}').data as Int32Array)]).toEqual([7]);
  expect(refusal(() => decode("x:int32", '{"inputs":{"x\\u0000y":7}}'))).toBe("400 Missing named input: x in 'inputs' object.");
  const examples = readExamples(parseRequestBody(new TextEncoder().encode('{"examples":[{"f\\u0000g":1}]}')));
  expect([...(examples.examples[0]?.keys() ?? [])]).toEqual(["f"]);
});

test("a feature's name keeps bytes that are not UTF-8", () => {
  const body = bytes(...Buffer.from('{"examples":[{"f'), 0xff, ...Buffer.from('":1}]}'));
  const [example] = serializeExamples(readExamples(parseRequestBody(body))).data as readonly Uint8Array[];
  expect(Buffer.from(example ?? bytes()).includes(Buffer.from([0x66, 0xff]))).toBe(true);
});

test("protobuf's JSON escapes what does not show", () => {
  const error = { code: "INTERNAL", message: "<\u007f\u0085\u00ad\u200b\u2028\ufeff\u{1d173}\u{e0041}é>\u0001\n" } as const;
  expect(text(writeModelStatus([{ version: version(1), state: "END", error }]))).toContain(
    String.raw`"\u003c\u007f\u0085\u00ad\u200b\u2028\ufeff\ud834\udd73\udb40\udc41é\u003e\u0001\n"`,
  );
});
