import { describe, expect, test } from "vitest";
import { decode, decodeOne, refusal } from "./support.ts";

const NAME = "Missing a name for object member.";
const COLON = "Missing a colon after a name of object member.";
const MEMBER = "Missing a comma or '}' after an object member.";
const ELEMENT = "Missing a comma or ']' after an array element.";
const QUOTE = "Missing a closing quotation mark in string.";
const HEX = "Incorrect hex digit after \\u escape in string.";
const SURROGATE = "The surrogate pair in string is invalid.";
const ESCAPE = "Invalid escape character in string.";

// 4.1: what is wrong, and at which byte.
const CASES: readonly (readonly [body: string, fault: string, offset: number])[] = [
  ["{'a':1}", NAME, 1],
  ["{v:1}", NAME, 1],
  ['{"v" 1}', COLON, 5],
  ['{"v":01}', MEMBER, 6],
  ['{"v":5.}', "Miss fraction part in number.", 7],
  ['{"v":.5}', "Invalid value.", 5],
  ['{"v":+1}', "Invalid value.", 5],
  ['{"v":True}', "Invalid value.", 5],
  ['{"v":nan}', "Invalid value.", 6],
  ['{"v":Nan}', "Invalid value.", 7],
  ['{"v":[1,]}', "Invalid value.", 8],
  ['{"v":[1 2]}', ELEMENT, 8],
  ['{"v":1e309}', "Number too big to be stored in double.", 5],
  ['{"v":1,}', NAME, 7],
  ['{"v":"abc', QUOTE, 9],
  // neighbours
  ['{"v":[1,2', ELEMENT, 9],
  ['{"v":[', "Invalid value.", 6],
  ['{"v":[[1,2],[3,4]', ELEMENT, 17],
  ['{"v":[[1,2],[3,4.]]}', "Miss fraction part in number.", 17],
  ['{"v":[01]}', ELEMENT, 7],
  ['{"v":[1e400,2]}', "Number too big to be stored in double.", 6],
  ['{"v":1e}', "Miss exponent in number.", 7],
  ['{"v":-}', "Invalid value.", 6],
  ['{"v":Infinit}', "Invalid value.", 12],
  ['{"v":1', MEMBER, 6],
  ['{"v":', "Invalid value.", 5],
  ['{"v"', COLON, 4],
  ["{", NAME, 1],
  ["]", "The document is empty.", 0],
  [" \n\t", "The document is empty.", 3],
  ['{"v":"\\ud83d"}', SURROGATE, 6],
  ['{"v":"\\ud83d\\u0041"}', SURROGATE, 6],
  ['{"v":"ab\\u12G4"}', HEX, 8],
  ['{"v":"a\\q"}', ESCAPE, 7],
  ['{"v":"a\tb"}', ESCAPE, 7],
  ['{"é":"ü", x}', NAME, 12],
  ["\ufeff{x}", NAME, 4],
  ['{"v":1} /* no comments */'.replace("1}", "1 /* */}"), MEMBER, 7],
];

describe("what is no JSON, by section 4.1", () => {
  test.each(CASES)("%s", (body, fault, offset) => {
    expect(refusal(() => decode("x:float", body))).toBe(`400 JSON Parse error: ${fault} at offset: ${offset}`);
  });

  test("an empty body has no offset (3)", () => {
    expect(refusal(() => decode("x:float", ""))).toBe("400 JSON Parse error: The document is empty");
  });

  test("a NUL byte ends the text", () => {
    expect(refusal(() => decode("x:float", '{"instances":[1\0]}'))).toBe(`400 JSON Parse error: ${ELEMENT} at offset: 15`);
  });
});

describe("what is JSON all the same, by section 4", () => {
  test.each([
    ["a byte order mark", '\ufeff{"instances":[1]}'],
    ["text after the root", '{"instances":[1]}]}garbage'],
    ["white space everywhere", ' {\r\n"instances"\t: [ 1 ] } '],
    ["an escaped key", '{"inst\\u0061nces":[1]}'],
    ["the first of two keys", '{"instances":[1],"instances":"x"}'],
  ])("%s", (_what, body) => {
    expect([...decodeOne("x:float", body).data]).toEqual([1]);
  });

  test("500 000 arrays in one another, in a tensor and beside it", () => {
    const depth = 500_000;
    const deep = `${"[".repeat(depth)}1${"]".repeat(depth)}`;
    expect(decode("x:float", `{"deep":${deep},"instances":[1]}`).tensors["x"]?.shape).toEqual([1]);
    expect(decode("x:float", `{"inputs":${deep}}`).tensors["x"]?.shape).toHaveLength(depth);
    expect(refusal(() => decode("x:float", `{"inputs":${"[".repeat(depth)}`))).toBe(`400 JSON Parse error: Invalid value. at offset: ${10 + depth}`);
  });

  test("bytes that are no UTF-8 pass through", () => {
    const body = Uint8Array.from([...new TextEncoder().encode('{"inputs":"'), 0xff, 0xc3, ...new TextEncoder().encode('"}')]);
    expect(decode("x:string", body).tensors["x"]?.data[0]).toEqual(Uint8Array.of(0xff, 0xc3));
  });

  test.each([
    ["\\u0041\\n\\/\\\"\\\\", "A\n/\"\\"],
    ["\\ud83d\\ude00", "😀"],
    ["\\u0000", "\0"],
    ["é", "é"],
  ])("the string %s", (literal, expected) => {
    expect(new TextDecoder().decode(decodeOne("x:string", `{"inputs":"${literal}"}`).data[0] as Uint8Array)).toBe(expected);
  });
});
