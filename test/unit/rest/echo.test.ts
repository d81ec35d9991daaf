import { describe, expect, test } from "vitest";
import { echo } from "../../../protocol/rest/echo.ts";
import { parseJson } from "../../../protocol/rest/parse-json.ts";

function echoed(json: string): string {
  return echo(parseJson(new TextEncoder().encode(json), 0, true), 0);
}

describe("a value in a message, by section 3.1", () => {
  test.each([
    ["3e0", "3.0"],
    ["1e21", "1e21"],
    ["1e20", "100000000000000000000.0"],
    ["18446744073709551616", "18446744073709553000.0"],
    ["18446744073709551615", "18446744073709551615"],
    ["-9223372036854775808", "-9223372036854775808"],
    ["-0", "0"],
    ["-0.0", "-0.0"],
    ["0.1", "0.1"],
    ["1.5e-5", "0.000015"],
    ["1.5e-7", "1.5e-7"],
    ["1e-7", "1e-7"],
    ["123.456e3", "123456.0"],
    ["5e-324", "5e-324"],
    ["1.7976931348623157e308", "1.7976931348623157e308"],
    ["999999999999999999999999999", "9.999999999999999e26"],
    ["0.49649", "0.49649"],
    ["null", "null"],
    ["true", "true"],
    ['"a/\\"\\u0001\\u001f\\né\\u007f"', '"a/\\"\\u0001\\u001F\\né\u007f"'],
    ["[]", "[]"],
    ["{}", "{}"],
    ["[1, 2]", "[1, 2]"],
    ["[[1],[2, [3]]]", "[[1], [2, [3]]]"],
    ["[1, NaN, 2]", "[1, "],
    ["NaN", ""],
    ["[-Infinity]", "["],
    ['{"a":{"b":[1,{"c":null}]},"a":2}', '{\n    "a": {\n        "b": [1, {\n                "c": null\n            }]\n    },\n    "a": 2\n}'],
    ['{"a":NaN}', '{\n    "a": '],
  ])("%s", (json, expected) => {
    expect(echoed(json)).toBe(expected);
  });

  test("nothing more is begun once 256 bytes are there", () => {
    // 86 elements of three bytes: "[0", then ", 0"; the 257th byte ends the element that was begun at 254.
    expect(echoed(`[${"0,".repeat(1000)}0]`)).toBe(`[0${", 0".repeat(85)}`);
    expect(echoed(`"${"x".repeat(1000)}"`)).toBe(`"${"x".repeat(1000)}"`);
    expect(echoed(`["${"x".repeat(252)}",1]`)).toBe(`["${"x".repeat(252)}", 1`);
    expect(echoed(`["${"x".repeat(253)}",1]`)).toBe(`["${"x".repeat(253)}"`);
    expect(echoed(`[${"[".repeat(100_000)}${"]".repeat(100_000)}]`)).toBe("[".repeat(256));
  });

  test("bytes are counted, not characters", () => {
    expect(echoed(`["${"é".repeat(126)}",1]`)).toBe(`["${"é".repeat(126)}", 1`);
    expect(echoed(`["${"é".repeat(127)}",1]`)).toBe(`["${"é".repeat(127)}"`);
  });
});
