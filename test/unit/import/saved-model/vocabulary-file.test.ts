import { expect, test } from "vitest";
import { readVocabulary, type VocabularyFormat } from "../../../../sync-server/import/saved-model/vocabulary-file.ts";

const WORDS: VocabularyFormat = { key: { index: -2, type: "DT_STRING" }, value: { index: -1, type: "DT_INT64" }, size: -1, delimiter: "\t", offset: 0 };
const read = (text: string, format: Partial<VocabularyFormat> = {}) => {
  const { keys, values } = readVocabulary(Buffer.from(text), { ...WORDS, ...format }, "words.txt");
  return [keys, values].map(({ data }) => Array.from<unknown, unknown>(data, (x) => (x instanceof Uint8Array ? Buffer.from(x).toString() : Number(x))));
};

test("lines and their numbers, with or without an end of the last line, and without carriage returns", () => {
  expect(read("the\ncat\n")).toEqual([["the", "cat"], [0, 1]]);
  expect(read("the\r\nüber")).toEqual([["the", "über"], [0, 1]]);
  expect(read("the\ncat\nsat\n", { size: 2, offset: 10 })).toEqual([["the", "cat"], [10, 11]]);
  expect(read("")).toEqual([[], []]);
});

test("columns, as the table's types say", () => {
  const columns = { key: { index: 1, type: "DT_STRING" }, value: { index: 0, type: "DT_FLOAT" } };
  expect(read("1.5\ta\n-2\tb\n", columns)).toEqual([["a", "b"], [1.5, -2]]);
  expect(read("1|x y\n", { ...columns, delimiter: "|" })).toEqual([["x y"], [1]]);
  expect(read("a\t7\n", { key: { index: 0, type: "DT_STRING" }, value: { index: 1, type: "DT_INT32" } })).toEqual([["a"], [7]]);
});

test.each([
  ["a\n\nb\n", {}, "words.txt has an empty line, number 2"],
  ["a\n", { size: 3 }, "words.txt has 1 lines where its table takes 3"],
  ["a\n", { value: { index: 1, type: "DT_INT64" } }, "words.txt has no column 1 in line 1"],
  ["a\tb\n", { value: { index: 1, type: "DT_INT64" } }, 'words.txt has "b" in line 1 where a number must be'],
  ["a\t1\n", { value: { index: 1, type: "DT_BOOL" } }, "words.txt fills a table of DT_BOOL"],
] as const)("%j is refused", (text, format, message) => {
  expect(() => read(text, format)).toThrow(message);
});
